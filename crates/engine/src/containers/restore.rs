//! What a starting daemon does with the containers of the one before: adopts what runs, writes down
//! what ended meanwhile, cleans what is dead.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gantry_monitor::protocol::{Exit, Reply, Request, SOCKET_FILE, Status};
use tokio::sync::mpsc;

use super::exit::read_exit;
use super::phase::{Phase, Step};
use super::record::{FORMAT, Record};
use super::start::Starter;
use super::{Container, Containers, joined, restart};
use crate::monitors::{LinkEvent, MonitorLink};
use crate::{Error, clock, files};

/// A container whose monitor answered.
struct Adopted {
    container: Arc<Container>,
    link: Arc<MonitorLink>,
    events: mpsc::UnboundedReceiver<LinkEvent>,
    status: Status,
    door: Option<gantry_dns::Door>,
}

impl Containers {
    /// Takes over the containers found in the data and run roots; returns sockets that monitors
    /// kept for us (the doors of the daemon before).
    pub(crate) async fn restore(&self) -> Result<Vec<OwnedFd>, Error> {
        let found = self.read_records()?;
        let mut maybe_live = Vec::new();
        for container in found {
            self.registry.insert(Arc::clone(&container));
            let phase = container.phase();
            if phase.is_live() || phase == Phase::Starting {
                maybe_live.push(container);
            }
        }
        // All at once: one that is slow to answer must not hold up the others.
        let greetings = maybe_live.iter().map(|container| greet(container));
        let greetings = futures_util::future::join_all(greetings).await;
        let (mut adopted, mut ended, mut doors) = (Vec::new(), Vec::new(), Vec::new());
        for (container, greeting) in maybe_live.into_iter().zip(greetings) {
            match greeting {
                Ok(Some((link, events, status)))
                    if status.exit.is_none() && status.started_at.is_some() =>
                {
                    let mut kept = self.take_kept(&container, &link).await;
                    let door = joined::door_among(&mut kept, status.pid);
                    if doors.is_empty() {
                        doors = kept;
                    }
                    adopted.push(Adopted {
                        container,
                        link,
                        events,
                        status,
                        door,
                    });
                }
                Ok(_) => ended.push(container),
                Err(e) => {
                    tracing::error!(container = %container.id, "its monitor cannot be reached, it is left alone: {e}");
                }
            }
        }
        self.restore_networks(&adopted)?;
        for adopted in adopted {
            self.adopt(adopted);
        }
        for container in ended {
            self.end_of_an_unseen_run(&container).await;
        }
        self.sweep().await;
        self.resume_policies();
        Ok(doors)
    }

    fn read_records(&self) -> Result<Vec<Arc<Container>>, Error> {
        let root = self.settings.data_root.join("containers");
        fs::create_dir_all(&root).map_err(Error::file("create", &root))?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&root).map_err(Error::file("list", &root))? {
            let entry = entry.map_err(Error::file("list", &root))?;
            let id = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path().join("container.json");
            match files::read_json::<Record>(&path) {
                Ok(Some(record)) if record.format > FORMAT => {
                    return Err(Error::Internal(format!(
                        "{} was written by a newer Gantry (format {}, this one reads {FORMAT}); run that one",
                        path.display(),
                        record.format
                    )));
                }
                Ok(Some(record)) if record.id == id => {
                    if self.registry.reserve(&record.name, &id).is_err() {
                        tracing::error!(container = %id, "its name {} is taken twice; skipped", record.name);
                        continue;
                    }
                    found.push(Arc::new(Container::new(
                        record,
                        self.state_dir(&id),
                        self.run_dir(&id),
                    )));
                }
                // A creation that was cut short: it never was a container.
                Ok(None) => drop(fs::remove_dir_all(entry.path())),
                Ok(Some(_)) => {
                    tracing::error!(container = %id, "its record belongs to another; skipped");
                }
                Err(e) => tracing::error!(container = %id, "{e}; skipped"),
            }
        }
        Ok(found)
    }

    /// Takes the layer mounts for the snapshotter, and gives back the other kept sockets.
    async fn take_kept(&self, container: &Container, link: &MonitorLink) -> Vec<OwnedFd> {
        match link.call(Request::TakeKept, &[]).await {
            Ok((Reply::Kept { reserved, .. }, mut fds)) => {
                let layers = fds.split_off(reserved.min(fds.len()));
                if let Err(e) = self.snapshots.adopt(&container.id, layers) {
                    tracing::warn!(container = %container.id, "cannot take its layers back: {e}");
                }
                fds
            }
            _ => Vec::new(),
        }
    }

    fn restore_networks(&self, adopted: &[Adopted]) -> Result<(), Error> {
        let live = adopted
            .iter()
            .flat_map(|a| a.container.record().state.endpoints.clone())
            .collect();
        Ok(self.networks.restore(live)?)
    }

    fn adopt(&self, adopted: Adopted) {
        let Adopted {
            container,
            link,
            events,
            status,
            door,
        } = adopted;
        if let Some(door) = door {
            self.serve_names(&container, door);
        }
        {
            let mut record = container.record();
            let state = &mut record.state;
            if state.phase != Phase::Paused {
                state.phase = Phase::Running;
            }
            state.pid = status.pid;
            state.oom_killed = status.oom_killed;
            state.started_at = status.started_at.map_or(state.started_at, |at| at as i64);
        }
        for exec in status.execs {
            self.execs
                .adopt(&container.id, exec.id, exec.pid, exec.code);
        }
        container.save_state();
        container.report(|p| p.live = true);
        container.set_link(Some(Arc::clone(&link)));
        if container.phase() == Phase::Running {
            self.go_on_checking_health(&container);
        }
        self.watch(&container, link, events);
    }

    /// A container that ran, or was about to, when the last daemon was there, and has no monitor now.
    async fn end_of_an_unseen_run(&self, container: &Arc<Container>) {
        let exit = read_exit(container);
        if exit.is_none() {
            self.end_by_force(container).await;
            if container.phase() == Phase::Starting {
                return self.start_was_cut_short(container);
            }
        }
        if container.phase() == Phase::Starting {
            container.record().state.phase = Phase::Running;
        }
        let killed = || Exit {
            code: 137,
            signal: None,
            oom_killed: false,
            finished_at: clock::now_nanos() as u64,
        };
        self.record_exit(container, &exit.unwrap_or_else(killed));
    }

    /// The daemon before ended while it started the container, which never ran.
    fn start_was_cut_short(&self, container: &Arc<Container>) {
        let wanted = {
            let mut record = container.record();
            let first = record.state.started_at == 0;
            let step = if first {
                Step::FirstStartFailed
            } else {
                Step::StartFailed
            };
            record.state.phase = Phase::Starting.after(step).unwrap_or(Phase::Exited);
            record.state.endpoints.clear();
            record.state.pid = 0;
            "the daemon ended while it started the container".clone_into(&mut record.state.error);
            let again = restart::delay_after(&record, record.state.exit_code).is_some();
            if !first && again {
                record.state.phase = Phase::Restarting;
            }
            record.host_config.auto_remove
        };
        container.save_state();
        if wanted {
            self.remove_in_background(container);
        }
    }

    /// Removes what belongs to no container: snapshots and folders of creations and removals that
    /// were cut short, and processes that no monitor watches.
    async fn sweep(&self) {
        let known: HashSet<String> = self.registry.all().iter().map(|c| c.id.clone()).collect();
        for key in self.snapshots.list().unwrap_or_default() {
            // An image mount's is named after its container too.
            let id = key.split('.').next().unwrap_or(&key);
            if !known.contains(id)
                && let Err(e) = self.snapshots.remove(&key)
            {
                tracing::warn!(container = %key, "cannot remove what is left of it: {e}");
            }
        }
        let run = self.settings.run_root.join("containers");
        for entry in fs::read_dir(run).into_iter().flatten().flatten() {
            let id = entry.file_name().to_string_lossy().into_owned();
            if !known.contains(&id) && !has_monitor(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        self.sweep_cgroups().await;
        for container in self.registry.all() {
            if matches!(container.phase(), Phase::Removing | Phase::Dead) {
                container.record().state.phase = Phase::Dead;
                self.remove_in_background(&container);
            } else if container.phase() == Phase::Exited
                && container.record().host_config.auto_remove
            {
                self.remove_in_background(&container);
            }
        }
    }

    /// Ends what runs in cgroups of ours without a monitor.
    async fn sweep_cgroups(&self) {
        let parent = format!("/{}", self.settings.cgroup_parent.trim_matches('/'));
        let found = self.cgroups.children(&parent).unwrap_or_default();
        for id in found.iter().filter(|id| is_id(id)) {
            let watched = match self.registry.find(id) {
                Ok(container) => {
                    container.phase().is_live() || container.phase() == Phase::Starting
                }
                Err(_) => has_monitor(&self.run_dir(id)),
            };
            if watched {
                continue;
            }
            tracing::warn!(container = %id, "it has processes or a cgroup and no monitor: ending those");
            self.end_cgroup(format!("{parent}/{id}")).await;
        }
    }

    /// Starts what the policies want to run, `always` also when a person had stopped it before.
    fn resume_policies(&self) {
        for container in self.registry.all() {
            let record = container.record().clone();
            let always =
                record.host_config.restart_policy.name == "always" && record.state.started_at != 0;
            let wanted = match record.state.phase {
                Phase::Restarting => container.step(Step::RestartCancelled).is_ok(),
                Phase::Exited => {
                    always
                        || (record.state.started_at != 0
                            && restart::delay_after(&record, record.state.exit_code).is_some()
                            && record.host_config.restart_policy.name == "unless-stopped")
                }
                _ => false,
            };
            if wanted {
                let service = self.clone();
                tokio::spawn(async move {
                    if let Err(e) = service.start_container(&container, Starter::Policy).await {
                        tracing::warn!(container = %container.id, "its restart policy cannot start it: {e}");
                    }
                });
            }
        }
    }
}

type Greeting = (Arc<MonitorLink>, mpsc::UnboundedReceiver<LinkEvent>, Status);

/// A full ID, as the folders of containers are named.
fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a monitor listens in a run directory; a socket alone may be of one that was killed.
fn has_monitor(run_dir: &Path) -> bool {
    run_dir.join(SOCKET_FILE).exists()
        && !matches!(
            gantry_monitor::protocol::connect(run_dir),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
        )
}

/// How often a monitor that is there but cannot be reached is tried, and the pause between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// How long a monitor may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the monitor how its container is; `None` when there surely is no monitor.
///
/// Any other failure is one of ours (no descriptors left, for example): the container may well run,
/// and must not be taken for dead.
async fn greet(container: &Container) -> io::Result<Option<Greeting>> {
    let mut tries = 0;
    let (link, events) = loop {
        match MonitorLink::connect(&container.run_dir) {
            Ok(connected) => break connected,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(e) if tries == TRIES => return Err(e),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        tries += 1;
    };
    let asked = tokio::time::timeout(PATIENCE, link.call(Request::Status, &[])).await;
    let Ok(answer) = asked else {
        return Err(io::Error::new(ErrorKind::TimedOut, "it does not answer"));
    };
    match answer {
        Ok((Reply::Status(status), _)) if status.id == container.id => {
            Ok(Some((link, events, *status)))
        }
        // It ended while we asked; its exit record is there.
        _ => Ok(None),
    }
}
