//! From the daemon's request to a container that waits for its start.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use gantry_cgroups::{Cgroup, Hierarchy};
use gantry_log_format::{Encoding, Format, LogWriter, Rotation};
use gantry_oci::Spec;
use gantry_runtime::{Child, Root, Stdio};

use crate::container::{Container, Kept, Phase};
use crate::ending;
use crate::execs::Execs;
use crate::poll::{EventFlags, Token};
use crate::process::Process;
use crate::protocol::{CONFIG_FILE, Failure, Launch, LogConfig};
use crate::relay::Relays;
use crate::session::{Manner, Session, Shared};
use crate::stdio;

/// The descriptors of a [`Launch`], each in its place.
struct Handed {
    root: Option<OwnedFd>,
    network: Option<OwnedFd>,
    mounts: Vec<OwnedFd>,
    kept: Kept,
}

/// Creates the container; on failure nothing is left of it.
pub(crate) fn launch(
    launch: Launch,
    fds: Vec<OwnedFd>,
    shared: &mut Shared,
) -> Result<(Container, Vec<String>), Failure> {
    let handed = sort_fds(&launch, fds)?;
    let spec = read_spec(&launch.run_dir)?;
    let log = open_log(&launch.log)?;
    let resources = spec.linux.as_ref().and_then(|l| l.resources.as_ref());
    let cgroup = Hierarchy::detect()?.create(
        &launch.cgroup,
        resources.unwrap_or(&gantry_oci::Resources::default()),
    )?;
    create(launch, &spec, handed, cgroup, log, shared)
}

fn sort_fds(launch: &Launch, fds: Vec<OwnedFd>) -> Result<Handed, Failure> {
    let expected = usize::from(launch.root_mount)
        + usize::from(launch.network)
        + launch.reserved
        + launch.layers
        + launch.mounts.len();
    if fds.len() != expected {
        let message = format!(
            "launch names {expected} descriptors and brings {}",
            fds.len()
        );
        return Err(Failure::invalid(message));
    }
    let mut fds = fds.into_iter();
    Ok(Handed {
        root: if launch.root_mount { fds.next() } else { None },
        network: if launch.network { fds.next() } else { None },
        kept: Kept {
            _root: None,
            reserved: fds.by_ref().take(launch.reserved).collect(),
            layers: fds.by_ref().take(launch.layers).collect(),
            relays: Relays::default(),
        },
        mounts: fds.collect(),
    })
}

/// Reads the specification that the daemon wrote.
pub(crate) fn read_spec(run_dir: &Path) -> Result<Spec, Failure> {
    let path = run_dir.join(CONFIG_FILE);
    let text = std::fs::read(&path)
        .map_err(|e| Failure::internal(format_args!("read {}", path.display()), e))?;
    serde_json::from_slice(&text)
        .map_err(|e| Failure::invalid(format_args!("read {}: {e}", path.display())))
}

fn open_log(config: &LogConfig) -> Result<Option<LogWriter>, Failure> {
    let LogConfig::File(log) = config else {
        return Ok(None);
    };
    let rotation = Rotation {
        max_size: log.max_size,
        max_files: log.max_files,
        max_age: log.max_age,
    };
    let format = if log.records {
        Format::Local
    } else {
        Format::Json
    };
    LogWriter::open_as(&log.path, rotation, Encoding::new(format, &log.attrs))
        .map(Some)
        .map_err(|e| Failure::internal(format_args!("open log {}", log.path.display()), e))
}

fn create(
    launch: Launch,
    spec: &Spec,
    handed: Handed,
    cgroup: Cgroup,
    log: Option<LogWriter>,
    shared: &mut Shared,
) -> Result<(Container, Vec<String>), Failure> {
    let terminal = spec.process.as_ref().is_some_and(|p| p.terminal);
    let manner = Manner {
        exec: None,
        terminal,
        once: launch.stdin_once,
    };
    let mut session = Session::new(shared, manner, log);
    let created = streams(&launch, spec, &mut session, shared)
        .and_then(|stdio| clone_container(&launch, spec, &handed, &cgroup, stdio))
        .inspect_err(|_| ending::remove_cgroup(&cgroup))?;
    let memory = cgroup
        .oom_events()
        .ok()
        .flatten()
        .and_then(|m| shared.poller.watch(m, Token::Memory, EventFlags::IN).ok());
    let pidfd = created.pidfd().try_clone_to_owned();
    let pidfd = pidfd.map_err(|e| Failure::internal("duplicate a descriptor", e))?;
    let child = Child {
        pid: created.pid(),
        pidfd,
    };
    let warnings = warnings(&created, &cgroup);
    let container = Container {
        id: launch.id,
        run_dir: launch.run_dir,
        stdin: launch.stdin,
        memory,
        oom_kills: 0,
        kept: Kept {
            _root: handed.root,
            ..handed.kept
        },
        process: Process::new(child, session),
        execs: Execs::default(),
        phase: Phase::Created(Box::new(created), None),
        started_at: None,
        cleaned_up: false,
        hooks: spec.hooks.as_ref().is_some_and(has_late_hooks),
        cgroup,
    };
    Ok((container, warnings))
}

/// Whether hooks are to be run after the start or after the end.
fn has_late_hooks(hooks: &gantry_oci::Hooks) -> bool {
    !hooks.poststart.is_empty() || !hooks.poststop.is_empty()
}

fn streams(
    launch: &Launch,
    spec: &Spec,
    session: &mut Session,
    shared: &Shared,
) -> Result<Stdio, Failure> {
    let process = spec.process.as_ref();
    let process = process.ok_or_else(|| Failure::invalid("the specification names no process"))?;
    if process.terminal {
        return Ok(Stdio::Terminal {
            size: process.console_size,
        });
    }
    let failed = |e| Failure::internal("make the container's streams", e);
    let owner = stdio::owner(spec, process);
    let (theirs, ours) = stdio::pipes(launch.stdin, owner).map_err(|e| failed(e.into()))?;
    stdio::connect(session, shared, ours).map_err(failed)?;
    Ok(theirs)
}

fn clone_container(
    launch: &Launch,
    spec: &Spec,
    handed: &Handed,
    cgroup: &Cgroup,
    stdio: Stdio,
) -> Result<gantry_runtime::Created, Failure> {
    let directory = spec.root.as_ref().map(|r| launch.run_dir.join(&r.path));
    let root = match (&handed.root, &directory) {
        (Some(mount), _) => Root::Mount(mount.as_fd()),
        (None, Some(path)) => Root::Path(path),
        (None, None) => return Err(Failure::invalid("the specification names no root")),
    };
    let init = if launch.init {
        Some(gantry_runtime::own_program()?)
    } else {
        None
    };
    let places = launch.mounts.iter().copied();
    let mounts: Vec<_> = places.zip(handed.mounts.iter().map(AsFd::as_fd)).collect();
    let created = gantry_runtime::create(gantry_runtime::Launch {
        id: &launch.id,
        spec,
        root,
        mounts: &mounts,
        network: handed.network.as_ref().map(AsFd::as_fd),
        cgroup,
        stdio,
        bundle: &launch.run_dir,
        init: init.as_ref().map(AsFd::as_fd),
        manner: gantry_runtime::Manner::default(),
    })?;
    Ok(created)
}

/// What was asked for and this machine does not have.
fn warnings(created: &gantry_runtime::Created, cgroup: &Cgroup) -> Vec<String> {
    let ours = created.warnings().iter().map(ToString::to_string);
    ours.chain(cgroup.warnings().iter().map(ToString::to_string))
        .collect()
}
