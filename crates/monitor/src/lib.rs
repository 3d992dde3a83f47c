//! The per-container process: parent of the container's first process, keeper of its streams.
//!
//! The daemon starts one monitor per container (`gantry-runtime monitor`) with one end of a
//! `SOCK_SEQPACKET` socket pair as descriptor 0 and speaks [`protocol`] over it. The monitor makes
//! the container's cgroup, creates and starts the container through the runtime library, writes
//! its output to a log file and to attached clients, feeds it standard input, runs further
//! processes in it, notices out-of-memory kills, and when the container ends writes `exit.json`,
//! tells the daemon and ends itself.
//!
//! It holds the sockets of published ports, and passes on what comes to those that the kernel cannot
//! translate ([`relay`]).
//!
//! It outlives the daemon: when the link breaks everything goes on, and a restarted daemon finds
//! the monitor again at `monitor.sock` in the container's run directory.
//!
//! The monitor is one thread around epoll, without an async runtime, and small, because there is
//! one per container. It knows nothing of images, networks, names or restart policies.

#![forbid(unsafe_code)]

mod client;
mod clock;
mod container;
mod detach;
mod ending;
mod execs;
mod failure;
mod input;
mod launch;
mod link;
mod monitor;
mod poll;
mod process;
pub mod protocol;
pub mod relay;
mod session;
mod stdio;

use std::io::{self, Write};
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};

/// Runs a monitor that serves the daemon at the other end of descriptor 0, until the container is
/// over.
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("monitor: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let control = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    rustix::stdio::dup2_stdin(rustix::fs::open("/dev/null", flags, Mode::empty())?)?;
    // Executed from a descriptor, it would be shown under that one's number.
    rustix::thread::set_name(c"gantry-monitor")?;
    // Fails only for who leads a session already.
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    monitor::Monitor::new(control)?.run()
}

/// Writes a line for whoever looks after the daemon (standard error is its log).
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
