//! The pipes between the monitor and a process.

use std::os::fd::OwnedFd;

use gantry_log_format::StreamKind;
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

/// Makes pipes: the process's ends and ours. Without `stdin` its input is empty.
pub(crate) fn pipes(stdin: bool) -> Result<(Stdio, Ends), Errno> {
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
