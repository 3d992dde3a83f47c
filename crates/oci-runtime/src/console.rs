//! Streams: those of this process, or a pseudo-terminal that somebody else gets.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use gantry_oci::Process;
use gantry_runtime::Stdio;
use rustix::termios::{OptionalActions, Termios};

use crate::{Error, Result};

/// The streams of a new process.
pub(crate) fn streams(process: &Process) -> Result<Stdio> {
    if process.terminal {
        return Ok(Stdio::Terminal {
            size: process.console_size,
        });
    }
    let copy = |fd: std::os::fd::BorrowedFd<'_>| {
        rustix::io::fcntl_dupfd_cloexec(fd, 3).map_err(Error::kernel("copy a stream"))
    };
    Ok(Stdio::Fds {
        stdin: copy(rustix::stdio::stdin())?,
        stdout: copy(rustix::stdio::stdout())?,
        stderr: copy(rustix::stdio::stderr())?,
    })
}

/// Sends a pseudo-terminal's master to whoever listens at `--console-socket`.
pub(crate) fn send(path: &str, master: &OwnedFd) -> Result<()> {
    let socket = UnixStream::connect(path).map_err(Error::file("connect to", path))?;
    gantry_sys::fd_passing::send(&socket, b"/dev/ptmx", &[master.as_fd()])
        .map_err(Error::kernel("send the terminal to the console socket"))
}

/// The terminal of this process in raw mode; as it was when dropped.
struct Raw(Option<Termios>);

impl Raw {
    fn enter() -> Self {
        let stdin = rustix::stdio::stdin();
        let Ok(before) = rustix::termios::tcgetattr(stdin) else {
            return Self(None);
        };
        let mut raw = before.clone();
        raw.make_raw();
        let _ = rustix::termios::tcsetattr(stdin, OptionalActions::Now, &raw);
        Self(Some(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let stdin = rustix::stdio::stdin();
            let _ = rustix::termios::tcsetattr(stdin, OptionalActions::Now, before);
        }
    }
}

/// Connects a pseudo-terminal with the streams of this process until its other side is closed.
pub(crate) fn proxy(master: OwnedFd) -> Result<()> {
    let _raw = Raw::enter();
    if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdin()) {
        let _ = rustix::termios::tcsetwinsize(&master, size);
    }
    let mut output = std::fs::File::from(master);
    let mut input = output
        .try_clone()
        .map_err(Error::file("copy", "the terminal"))?;
    // Ends with this process: reading from a terminal cannot be called off.
    thread::spawn(move || copy(&mut std::io::stdin(), &mut input));
    copy(&mut output, &mut std::io::stdout());
    Ok(())
}

/// A terminal whose last user is gone answers EIO, which is its end.
fn copy(from: &mut impl Read, to: &mut impl Write) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to
            .write_all(&buffer[..count])
            .and_then(|()| to.flush())
            .is_err()
        {
            return;
        }
    }
}
