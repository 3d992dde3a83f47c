//! `start`: the story of a container's beginning, each step undone when a later one fails.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use gantry_monitor::protocol::{CONFIG_FILE, Failure, FailureKind, Launch, Reply, Request};
use gantry_snapshot::Mounted;
use tokio::sync::mpsc;

use super::joined::JoinedNetwork;
use super::mounts::Prepared;
use super::phase::{Phase, Step};
use super::{Container, Containers, blocking, signs};
use crate::monitors::{LinkEvent, MonitorLink};
use crate::{Error, files};

/// Who wants a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starter {
    /// A user: counts restarts anew.
    Person,
    /// The restart policy.
    Policy,
}

/// What a container needs of the machine to run; dropping it gives everything back.
pub(super) struct Ground {
    mounted: Mounted,
    network: JoinedNetwork,
    /// Detached mounts for some of the specification's, by their place in its list.
    mounts: Vec<(usize, OwnedFd)>,
}

/// A monitor whose container is created and waits to be started.
struct Launched {
    link: Arc<MonitorLink>,
    events: mpsc::UnboundedReceiver<LinkEvent>,
    /// Its first process, which executes nothing yet.
    pid: u32,
}

impl Containers {
    /// Starts a container that does not run.
    ///
    /// A start that has begun comes to its end, also when whoever asked for it has gone meanwhile.
    pub async fn start(&self, id: &str) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        let service = self.clone();
        let start =
            tokio::spawn(async move { service.start_container(&container, Starter::Person).await });
        start
            .await
            .unwrap_or_else(|e| Err(Error::Internal(format!("the start was cut off: {e}"))))
    }

    pub(crate) async fn start_container(
        &self,
        container: &Arc<Container>,
        starter: Starter,
    ) -> Result<(), Error> {
        let _operation = container.operation.lock().await;
        // Whoever copies from or to the root that does not run yet comes to an end first.
        let _root = container.root.write().await;
        container
            .step(Step::BeginStart)
            .map_err(|phase| cannot_start(container, phase))?;
        match self.try_start(container, starter).await {
            Ok(()) => Ok(()),
            Err(e) => {
                if matches!(e, Error::MonitorLost { .. }) {
                    // What it had made is nobody's now.
                    self.end_by_force(container).await;
                }
                self.start_failed(container, &e);
                self.open_links().await;
                Err(e)
            }
        }
    }

    async fn try_start(&self, container: &Arc<Container>, starter: Starter) -> Result<(), Error> {
        let ground = self.lay_ground(container).await?;
        Self::note_start(container, &ground);
        self.open_links().await;
        let launched = self.launch(container, &ground).await?;
        self.hand_over_secrets(container, launched.pid).await?;
        self.hand_over_waiting_clients(container, &launched.link)
            .await;
        let (pid, started_at) = self.execute(container, &launched.link).await?;
        // Who sees it run may act on it at once.
        container.set_link(Some(Arc::clone(&launched.link)));
        self.started(container, ground, starter, pid, started_at);
        self.begin_health_checks(container);
        self.watch(container, launched.link, launched.events);
        self.forward_log(container);
        Ok(())
    }

    /// Writes down that the container may run from now on, and with which endpoint: a daemon that
    /// comes after ours will look for its monitor, and keep its network.
    fn note_start(container: &Container, ground: &Ground) {
        container
            .record()
            .state
            .endpoints
            .clone_from(&ground.network.endpoints);
        container.save_state();
    }

    /// Mounts the root, joins the network, fills volumes and writes the bundle.
    async fn lay_ground(&self, container: &Arc<Container>) -> Result<Ground, Error> {
        let (service, subject) = (self.clone(), Arc::clone(container));
        let mounting = blocking(move || {
            // What goes when it ends needs no writing out.
            let volatile = subject.record().host_config.auto_remove || subject.is_lent_volatile();
            let snapshots = &service.snapshots;
            let id = &subject.id;
            Ok(if volatile {
                snapshots.mount_volatile(id)?
            } else {
                snapshots.mount(id)?
            })
        });
        let (service, subject) = (self.clone(), Arc::clone(container));
        let joining = blocking(move || service.join_network(&subject));
        let (mounted, network) = tokio::join!(mounting, joining);
        let mut ground = Ground {
            mounted: mounted?,
            network: network?,
            mounts: Vec::new(),
        };
        let (service, subject) = (self.clone(), Arc::clone(container));
        blocking(move || {
            service.lend_realtime(&subject)?;
            service.mount_volumes(&subject)?;
            service.fill_volumes(&subject, ground.mounted.root.as_fd())?;
            ground.mounts = service.write_bundle(&subject, &ground)?;
            Ok(ground)
        })
        .await
    }

    /// Copies the image's files into volumes that are still empty.
    fn fill_volumes(&self, container: &Container, root: BorrowedFd<'_>) -> Result<(), Error> {
        let (mounts, uses) = {
            let record = container.record();
            (record.mounts.clone(), record.volume_options.clone())
        };
        for mount in mounts.iter().filter(|m| m.kind == "volume") {
            let no_copy = uses
                .get(&mount.destination)
                .is_none_or(|u| u.no_copy || !u.subpath.is_empty());
            let name = gantry_volume::VolumeName::new(&mount.name)?;
            let volume = self.volumes.get(name.as_str())?;
            if no_copy {
                continue;
            }
            if let Some(folder) = crate::inside::directory(root, &mount.destination) {
                self.volumes.fill(&volume, folder.as_fd())?;
            }
        }
        Ok(())
    }

    /// Writes the files that are mounted into the container and the runtime's configuration; gives
    /// what was opened for some of the latter's mounts.
    fn write_bundle(
        &self,
        container: &Container,
        ground: &Ground,
    ) -> Result<Vec<(usize, OwnedFd)>, Error> {
        fs::create_dir_all(&container.run_dir)
            .map_err(Error::file("create", &container.run_dir))?;
        for stale in ["exit.json", "monitor.sock"] {
            // A record of an earlier run must not be taken for this one's.
            let _ = fs::remove_file(container.run_dir.join(stale));
        }
        self.write_network_files(container, &ground.network)?;
        let lent = container.take_lent();
        let prepared = self.prepare_mounts(container, lent.trees)?;
        signs::place(ground.mounted.root.as_fd());
        let mut spec = self.specification(container, ground.mounted.root.as_fd(), &prepared)?;
        if let Some(process) = &mut spec.process {
            let name = |pair: &String| pair.split('=').next().map(str::to_owned);
            let lent_names: Vec<_> = lent.env.iter().map(name).collect();
            process.env.retain(|pair| !lent_names.contains(&name(pair)));
            process.env.extend(lent.env);
        }
        files::write_json(
            &container.run_dir.join(CONFIG_FILE),
            &spec,
            files::Durability::Crash,
        )?;
        Ok(in_their_places(&spec, prepared))
    }

    /// Starts the monitor and has it create the container.
    async fn launch(&self, container: &Arc<Container>, ground: &Ground) -> Result<Launched, Error> {
        let (mut child, socket) = self.program.spawn_monitor(&container.monitor_log())?;
        tokio::spawn(async move {
            // Only so that it does not stay a zombie; its story is told over the link.
            let _ = child.wait().await;
        });
        let (link, events) = MonitorLink::over(socket).map_err(|e| container.monitor_lost(e))?;
        let network = &ground.network;
        let mut fds = vec![ground.mounted.root.as_fd()];
        fds.extend(network.namespace.iter().map(AsFd::as_fd));
        let (first, rest) = network.kept();
        fds.extend(first.iter().map(AsFd::as_fd));
        let doors = self.settings.doors();
        fds.extend(doors.iter().map(AsFd::as_fd));
        fds.extend(ground.mounted.keep.iter().map(AsFd::as_fd));
        fds.extend(ground.mounts.iter().map(|(_, tree)| tree.as_fd()));
        let request = Launch {
            reserved: first.len() + doors.len(),
            layers: ground.mounted.keep.len(),
            mounts: ground.mounts.iter().map(|(place, _)| *place).collect(),
            network: network.namespace.is_some(),
            ..self.launch_request(container)?
        };
        let reply = link.call(Request::Launch(Box::new(request)), &fds).await;
        match reply.map_err(|e| container.monitor_lost(e))? {
            (Reply::Launched { pid, warnings }, _) => {
                for warning in warnings {
                    tracing::warn!(container = %container.id, "{warning}");
                }
                self.hand_over(container, &link, rest).await?;
                if network
                    .endpoints
                    .iter()
                    .any(|e| e.relays().next().is_some())
                {
                    self.relay_ports(container, &link, &network.endpoints)
                        .await?;
                }
                Ok(Launched { link, events, pid })
            }
            (Reply::Failed(failure), _) => Err(start_error(failure)),
            (other, _) => Err(container.monitor_lost(format!("an unexpected answer: {other:?}"))),
        }
    }

    fn launch_request(&self, container: &Container) -> Result<Launch, Error> {
        let cgroup = self.cgroup_path(container);
        let log = crate::logging::log_of(container)?.for_monitor()?;
        let record = container.record();
        Ok(Launch {
            id: container.id.clone(),
            run_dir: container.run_dir.clone(),
            cgroup,
            log,
            stdin: record.config.open_stdin,
            stdin_once: record.config.stdin_once,
            init: record.host_config.init.unwrap_or(false),
            root_mount: true,
            network: false,
            reserved: 0,
            layers: 0,
            mounts: Vec::new(),
        })
    }

    /// Fills the container's `/run/secrets`.
    async fn hand_over_secrets(&self, container: &Container, pid: u32) -> Result<(), Error> {
        let references = container.record().secrets.clone();
        if references.is_empty() {
            return Ok(());
        }
        let secrets = self.secrets.clone();
        blocking(move || crate::secrets::fill(pid, &secrets.reveal(&references)?)).await
    }

    async fn hand_over_waiting_clients(&self, container: &Container, link: &MonitorLink) {
        for (attach, stream) in container.take_clients() {
            if let Err(e) = link.call(Request::Attach(attach), &[stream.as_fd()]).await {
                tracing::warn!(container = %container.id, "cannot attach a waiting client: {e}");
            }
        }
    }

    async fn execute(
        &self,
        container: &Container,
        link: &MonitorLink,
    ) -> Result<(u32, u64), Error> {
        match link
            .call(Request::Start, &[])
            .await
            .map_err(|e| container.monitor_lost(e))?
        {
            (Reply::Started { pid, started_at }, _) => Ok((pid, started_at)),
            (Reply::Failed(failure), _) => Err(start_error(failure)),
            (other, _) => Err(container.monitor_lost(format!("an unexpected answer: {other:?}"))),
        }
    }

    fn started(
        &self,
        container: &Container,
        mut ground: Ground,
        starter: Starter,
        pid: u32,
        started_at: u64,
    ) {
        {
            let mut record = container.record();
            let state = &mut record.state;
            state.phase = state.phase.after(Step::Started).unwrap_or(Phase::Running);
            state.pid = pid;
            state.started_at = started_at as i64;
            state.exit_code = 0;
            state.error.clear();
            state.oom_killed = false;
            state.endpoints = ground.network.keep();
            state.ended_for_health = false;
            if starter == Starter::Person {
                state.restart_count = 0;
                state.restart_backoff = 0;
                state.stopped_by_hand = false;
            }
        }
        container.save_state();
        container.report(|p| {
            p.live = true;
            p.restarting = false;
        });
        self.announce_networks(container, "connect");
        self.announce(container, "start", &[]);
    }

    fn start_failed(&self, container: &Arc<Container>, error: &Error) {
        let exit_code = exit_code_of(error);
        {
            let mut record = container.record();
            let step = if record.state.started_at == 0 {
                Step::FirstStartFailed
            } else {
                Step::StartFailed
            };
            record.state.phase = Phase::Starting.after(step).unwrap_or(Phase::Exited);
            record.state.exit_code = exit_code;
            record.state.error = error.to_string();
            record.state.pid = 0;
            record.state.endpoints.clear();
        }
        self.names.end(&container.id);
        drop(container.take_clients());
        container.save_state();
        self.unmount_volumes(container);
        let auto_remove = container.record().host_config.auto_remove;
        // No run has ended, so nobody who waits for that is told.
        container.report(|p| {
            p.exit_code = exit_code;
            p.live = false;
            p.restarting = false;
        });
        if auto_remove {
            self.remove_in_background(container);
        }
    }

    fn write_network_files(
        &self,
        container: &Container,
        network: &JoinedNetwork,
    ) -> Result<(), Error> {
        let record = container.record().clone();
        if let Some(other) = record.host_config.network_mode.strip_prefix("container:") {
            return self.share_network_files(container, other);
        }
        let (_, linked) = self.linked(&record)?;
        let text = crate::etc::render(&self.networks, &record, &network.endpoints, &linked)?;
        for (name, content) in [
            ("hosts", text.hosts),
            ("resolv.conf", text.resolv_conf),
            ("hostname", text.hostname),
        ] {
            // Written in place: a bind mount of an earlier run may still show this file.
            let path = container.state_dir.join(name);
            fs::write(&path, content).map_err(Error::file("write", path))?;
        }
        Ok(())
    }

    fn share_network_files(&self, container: &Container, other: &str) -> Result<(), Error> {
        let other = self.registry.find(other)?;
        for name in ["hosts", "resolv.conf", "hostname"] {
            let (from, to) = (other.state_dir.join(name), container.state_dir.join(name));
            fs::copy(&from, &to).map_err(Error::file("copy", from))?;
        }
        Ok(())
    }
}

/// Prepared mounts by the place of theirs in the specification.
fn in_their_places(spec: &gantry_oci::Spec, prepared: Vec<Prepared>) -> Vec<(usize, OwnedFd)> {
    let place_of = |destination: &str| {
        let mut mounts = spec.mounts.iter();
        mounts.position(|m| m.destination == destination)
    };
    let found = prepared
        .into_iter()
        .filter_map(|p| Some((place_of(&p.destination)?, p.tree?)));
    found.collect()
}

fn cannot_start(container: &Container, phase: Phase) -> Error {
    match phase {
        Phase::Running | Phase::Starting => Error::AlreadyThere(container.id.clone()),
        Phase::Paused => {
            Error::WrongPhase("cannot start a paused container, try unpause instead".to_owned())
        }
        Phase::Removing | Phase::Dead => {
            Error::WrongPhase("container is marked for removal and cannot be started".to_owned())
        }
        _ => Error::Internal(format!(
            "container {} cannot be started from {phase:?}",
            container.id
        )),
    }
}

fn start_error(failure: Failure) -> Error {
    let callers_fault = matches!(
        failure.kind,
        FailureKind::CommandNotFound | FailureKind::CommandNotExecutable | FailureKind::Invalid
    );
    Error::CannotStart {
        message: failure.message,
        kind: failure.kind,
        callers_fault,
    }
}

/// The exit code that a container gets which could not be started.
fn exit_code_of(error: &Error) -> i32 {
    match error {
        Error::CannotStart {
            kind: FailureKind::CommandNotFound,
            ..
        } => 127,
        Error::CannotStart {
            kind: FailureKind::CommandNotExecutable,
            ..
        } => 126,
        _ => 128,
    }
}
