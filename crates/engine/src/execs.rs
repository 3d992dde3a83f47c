//! Further processes in running containers: `exec`.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gantry_api_types::{
    ExecCreateRequest, ExecCreateResponse, ExecInspect, ExecProcessConfig, ExecStartRequest,
};
use gantry_monitor::protocol::{Attach, CONFIG_FILE, Exec, FailureKind, Reply, Request};

use crate::containers::{ClientStream, Container, Containers, Phase, detach_keys, expect_ok};
use crate::{Error, files, ids, spec};

/// All execs of this daemon's life.
#[derive(Debug, Default)]
pub(crate) struct Table {
    execs: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug, Clone)]
struct Entry {
    container: String,
    request: ExecCreateRequest,
    detach_keys: Vec<u8>,
    /// Both outputs go to the client as they are, without headers.
    plain: bool,
    started: bool,
    pid: u32,
    exit_code: Option<i32>,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.execs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: &str) -> Result<Entry, Error> {
        self.lock()
            .get(id)
            .cloned()
            .ok_or_else(|| Error::NoSuchExec(id.to_owned()))
    }

    /// An exec's process has ended.
    pub(crate) fn ended(&self, id: &str, code: i32) {
        if let Some(entry) = self.lock().get_mut(id) {
            entry.exit_code = Some(code);
        }
    }

    /// A container has ended, and its execs with it. Those that have run are still asked about
    /// for a moment (a client inspects after its stream closed), so they go with the next ones.
    pub(crate) fn container_ended(&self, container: &str) {
        let mut execs = self.lock();
        for entry in execs.values_mut().filter(|e| e.container == container) {
            if entry.started && entry.exit_code.is_none() {
                entry.exit_code = Some(137);
            }
        }
        if execs.len() > MOST_ENDED {
            execs.retain(|_, entry| entry.exit_code.is_none());
        }
    }

    /// IDs of a container's execs whose process lives.
    pub(crate) fn running(&self, container: &str) -> Vec<String> {
        let live = |e: &Entry| e.container == container && e.started && e.exit_code.is_none();
        self.lock()
            .iter()
            .filter(|(_, e)| live(e))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Takes over an exec that an earlier daemon started.
    pub(crate) fn adopt(&self, container: &str, id: String, pid: u32, exit_code: Option<i32>) {
        let entry = Entry {
            container: container.to_owned(),
            request: ExecCreateRequest::default(),
            detach_keys: Vec::new(),
            plain: false,
            started: true,
            pid,
            exit_code,
        };
        self.lock().insert(id, entry);
    }

    /// Forgets an exec that nobody will ask about.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Forgets a container's ended execs beyond a number, the clients having asked by then.
    fn trim(&self) {
        let mut execs = self.lock();
        if execs.len() > MOST_ENDED {
            execs.retain(|_, entry| entry.exit_code.is_none());
        }
    }
}

/// How many execs are remembered before those that have ended are forgotten.
const MOST_ENDED: usize = 1000;

impl Containers {
    /// Describes a process to be run in a container later.
    pub fn exec_create(
        &self,
        container: &str,
        request: ExecCreateRequest,
    ) -> Result<ExecCreateResponse, Error> {
        let container = self.registry.find(container)?;
        must_run(&container)?;
        if request.cmd.as_ref().is_none_or(|cmd| cmd.is_empty()) {
            return Err(Error::Invalid("No exec command specified".to_owned()));
        }
        // None given: the default holds, which is chosen when the exec starts.
        let keys = match request.detach_keys.as_str() {
            "" => Vec::new(),
            text => text
                .parse::<gantry_units::DetachKeys>()
                .map_err(|_| Error::Invalid(format!("Invalid escape keys ({text}) provided")))?
                .as_bytes()
                .to_vec(),
        };
        let id = self.add_exec(&container, request, keys, false)?;
        Ok(ExecCreateResponse { id })
    }

    /// The same for a use of our own, whose stream gets both outputs without headers.
    pub(crate) fn exec_create_plain(
        &self,
        container: &Container,
        request: ExecCreateRequest,
    ) -> Result<String, Error> {
        must_run(container)?;
        self.add_exec(container, request, Vec::new(), true)
    }

    fn add_exec(
        &self,
        container: &Container,
        request: ExecCreateRequest,
        detach_keys: Vec<u8>,
        plain: bool,
    ) -> Result<String, Error> {
        let id = ids::random_id()?;
        let command = command_line(&request);
        self.execs.trim();
        self.execs.lock().insert(
            id.clone(),
            Entry {
                container: container.id.clone(),
                request,
                detach_keys,
                plain,
                started: false,
                pid: 0,
                exit_code: None,
            },
        );
        self.announce(
            container,
            &format!("exec_create: {command}"),
            &[("execID", id.clone())],
        );
        Ok(id)
    }

    /// Whether an exec can be started, and whether it has a terminal: to be asked before the
    /// connection is switched over.
    pub fn exec_startable(&self, id: &str, request: &ExecStartRequest) -> Result<bool, Error> {
        let entry = self.execs.get(id)?;
        let container = self.registry.find(&entry.container)?;
        must_run(&container)?;
        if entry.started {
            return Err(Error::WrongPhase(format!(
                "exec {id} has already been started"
            )));
        }
        if request.detach && request.tty {
            // Docker takes the terminal from the creation; there is nobody to see it here.
            return Ok(false);
        }
        Ok(entry.request.tty)
    }

    /// Runs an exec's process; its streams go to `stream` unless it is detached.
    pub async fn exec_start(
        &self,
        id: &str,
        request: &ExecStartRequest,
        stream: Option<ClientStream>,
    ) -> Result<(), Error> {
        let entry = self.claim_exec(id)?;
        let container = self.registry.find(&entry.container)?;
        match self.run_exec(id, &entry, request, &container, stream).await {
            Ok(pid) => {
                if let Some(entry) = self.execs.lock().get_mut(id) {
                    entry.pid = pid;
                }
                let command = command_line(&entry.request);
                let more = [("execID", id.to_owned())];
                self.announce(&container, &format!("exec_start: {command}"), &more);
                Ok(())
            }
            Err(e) => {
                self.execs.ended(id, exec_exit_code(&e));
                Err(e)
            }
        }
    }

    /// Marks an exec as started: it runs once.
    fn claim_exec(&self, id: &str) -> Result<Entry, Error> {
        let mut execs = self.execs.lock();
        let entry = execs
            .get_mut(id)
            .ok_or_else(|| Error::NoSuchExec(id.to_owned()))?;
        if entry.started {
            return Err(Error::WrongPhase(format!(
                "exec {id} has already been started"
            )));
        }
        entry.started = true;
        Ok(entry.clone())
    }

    async fn run_exec(
        &self,
        id: &str,
        entry: &Entry,
        request: &ExecStartRequest,
        container: &Container,
        stream: Option<ClientStream>,
    ) -> Result<u32, Error> {
        let link = container.live_link()?;
        let pid = container.record().state.pid;
        let process = exec_process(container, pid, entry, request)?;
        let (attach, fd) = match stream {
            Some(stream) => {
                let attach = Attach {
                    stdin: entry.request.attach_stdin,
                    stdout: entry.request.attach_stdout,
                    stderr: entry.request.attach_stderr,
                    framed: !entry.request.tty && !entry.plain,
                    detach_keys: detach_keys(entry.detach_keys.clone()),
                    leftover: stream.leftover,
                };
                (Some(attach), Some(stream.fd))
            }
            None => (None, None),
        };
        let exec = Exec {
            id: id.to_owned(),
            process,
            unconfined: entry.request.privileged,
            attach,
        };
        let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
        match link.call(Request::Exec(Box::new(exec)), &fds).await {
            Ok((Reply::ExecStarted { pid }, _)) => Ok(pid),
            Ok((Reply::Failed(failure), _)) => Err(Error::CannotExec {
                message: failure.message,
                kind: failure.kind,
            }),
            Ok((other, _)) => {
                Err(container.monitor_lost(format!("an unexpected answer: {other:?}")))
            }
            Err(e) => Err(container.monitor_lost(e)),
        }
    }

    /// What is known of an exec.
    ///
    /// A client asks for the exit code as soon as its stream has ended, which may be before the
    /// monitor's word of that has come through; so one that seems to run is asked about.
    pub async fn exec_inspect(&self, id: &str) -> Result<ExecInspect, Error> {
        let seen = self.execs.get(id)?;
        if seen.started && seen.exit_code.is_none() {
            self.ask_monitor(id, &seen.container).await;
        }
        let entry = self.execs.get(id)?;
        let words = entry.request.cmd.clone().unwrap_or_default();
        let (program, arguments) = words
            .split_first()
            .map_or_else(Default::default, |(p, a)| (p.clone(), a.to_vec()));
        Ok(ExecInspect {
            id: id.to_owned(),
            running: entry.started && entry.exit_code.is_none(),
            exit_code: entry.exit_code.map(i64::from),
            process_config: ExecProcessConfig {
                tty: entry.request.tty,
                entrypoint: program,
                arguments: Some(arguments),
                privileged: Some(entry.request.privileged),
                user: entry.request.user.clone(),
            },
            open_stdin: entry.request.attach_stdin,
            open_stderr: entry.request.attach_stderr,
            open_stdout: entry.request.attach_stdout,
            can_remove: false,
            container_id: entry.container.clone(),
            detach_keys: String::from_utf8_lossy(&entry.detach_keys).into_owned(),
            pid: i64::from(entry.pid),
        })
    }

    async fn ask_monitor(&self, id: &str, container: &str) {
        let Some(link) = self.registry.find(container).ok().and_then(|c| c.link()) else {
            return;
        };
        if let Ok((Reply::Status(status), _)) = link.call(Request::Status, &[]).await {
            let exec = status.execs.iter().find(|exec| exec.id == id);
            if let Some(code) = exec.and_then(|exec| exec.code) {
                self.execs.ended(id, code);
            }
        }
    }

    /// Sets the size of an exec's terminal.
    pub async fn exec_resize(&self, id: &str, rows: u16, columns: u16) -> Result<(), Error> {
        let entry = self.execs.get(id)?;
        let container = self.registry.find(&entry.container)?;
        let link = container.live_link()?;
        let request = Request::Resize {
            exec: Some(id.to_owned()),
            rows,
            columns,
        };
        expect_ok(
            link.call(request, &[])
                .await
                .map_err(|e| container.monitor_lost(e))?
                .0,
        )
    }
}

fn must_run(container: &Container) -> Result<(), Error> {
    match container.phase() {
        Phase::Running => Ok(()),
        Phase::Paused => Err(Error::WrongPhase(format!(
            "Container {} is paused, unpause the container before exec",
            container.name()
        ))),
        Phase::Restarting => Err(Error::WrongPhase(format!(
            "container {} is restarting, wait until the container is running",
            container.id
        ))),
        _ => Err(Error::WrongPhase(format!(
            "container {} is not running",
            container.id
        ))),
    }
}

/// The container's own process with what the exec changes of it.
fn exec_process(
    container: &Container,
    pid: u32,
    entry: &Entry,
    start: &ExecStartRequest,
) -> Result<gantry_oci::Process, Error> {
    let path = container.run_dir.join(CONFIG_FILE);
    let config: gantry_oci::Spec = files::read_json(&path)?
        .ok_or_else(|| Error::Internal(format!("{} is missing", path.display())))?;
    let process = config.process.unwrap_or_default();
    let root_path = format!("/proc/{pid}/root");
    let root = gantry_sys::in_root::open_root(&c_path(&root_path)?)
        .map_err(|e| Error::file("open", Path::new(&root_path))(e.into()))?;
    let size = start.console_size.or(entry.request.console_size);
    Ok(spec::exec_process(
        &process,
        &entry.request,
        size,
        root.as_fd(),
    )?)
}

fn c_path(path: &str) -> Result<std::ffi::CString, Error> {
    std::ffi::CString::new(path).map_err(|_| Error::Invalid(format!("{path:?} has a zero byte")))
}

/// As Docker's events have it: the program, a space, and its arguments.
fn command_line(request: &ExecCreateRequest) -> String {
    let words = request.cmd.iter().flat_map(|c| c.iter());
    let words: Vec<&str> = words.map(String::as_str).collect();
    match words.split_first() {
        Some((program, arguments)) => format!("{program} {}", arguments.join(" ")),
        None => String::new(),
    }
}

fn exec_exit_code(error: &Error) -> i32 {
    match error {
        Error::CannotExec {
            kind: FailureKind::CommandNotFound,
            ..
        } => 127,
        Error::CannotExec { .. } => 126,
        _ => 128,
    }
}
