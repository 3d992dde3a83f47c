//! The pipes between the monitor and a process.

use std::os::fd::OwnedFd;

use gantry_log_format::StreamKind;
use gantry_oci::{Process, Spec};
use gantry_runtime::{Running, Stdio};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::session::{Session, Shared};

/// The monitor's ends.
#[derive(Debug)]
pub(crate) struct Ends {
    stdin: Option<OwnedFd>,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

/// The user of the initial namespace who is the process's user inside.
pub(crate) fn owner(spec: &Spec, process: &Process) -> u32 {
    let inside = process.user.uid;
    let mappings = spec
        .linux
        .as_ref()
        .map_or(&[][..], |linux| &linux.uid_mappings);
    let mapped = mappings.iter().find_map(|m| {
        let offset = inside
            .checked_sub(m.container_id)
            .filter(|offset| *offset < m.size)?;
        m.host_id.checked_add(offset)
    });
    mapped.unwrap_or(inside)
}

/// Makes pipes: the process's ends and ours. Without `stdin` its input is empty.
///
/// They belong to the process's user, who may then open `/dev/stdout` and the like again.
pub(crate) fn pipes(stdin: bool, owner: u32) -> Result<(Stdio, Ends), Errno> {
    let (their_stdin, our_stdin) = if stdin {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        (reader, Some(non_blocking(writer)?))
    } else {
        (
            rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?,
            None,
        )
    };
    let (our_stdout, their_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (our_stderr, their_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    if owner != 0 {
        let user = Some(rustix::fs::Uid::from_raw(owner));
        for fd in our_stdin.iter().chain([&our_stdout, &our_stderr]) {
            rustix::fs::fchown(fd, user, None)?;
        }
    }
    let theirs = Stdio::Fds {
        stdin: their_stdin,
        stdout: their_stdout,
        stderr: their_stderr,
    };
    let ours = Ends {
        stdin: our_stdin,
        stdout: non_blocking(our_stdout)?,
        stderr: non_blocking(our_stderr)?,
    };
    Ok((theirs, ours))
}

/// Connects a session to our ends of the pipes.
pub(crate) fn connect(session: &mut Session, shared: &Shared, ends: Ends) -> std::io::Result<()> {
    if let Some(stdin) = ends.stdin {
        session.set_input(shared, stdin)?;
    }
    session.add_output(shared, ends.stdout, StreamKind::Stdout)?;
    session.add_output(shared, ends.stderr, StreamKind::Stderr)
}

/// Connects a session to the terminal of a process that has just been started, if it has one.
pub(crate) fn connect_terminal(
    session: &mut Session,
    shared: &Shared,
    running: &mut Running,
    stdin: bool,
) -> std::io::Result<()> {
    let Some(terminal) = running.terminal.take() else {
        return Ok(());
    };
    let terminal = non_blocking(terminal)?;
    if stdin {
        // A descriptor of its own: each is registered for one direction.
        session.set_input(shared, rustix::io::fcntl_dupfd_cloexec(&terminal, 3)?)?;
    }
    session.add_output(shared, terminal, StreamKind::Stdout)
}

fn non_blocking(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(fd)
}
