//! The standard streams: descriptors that were given, or a pseudo-terminal of the container.

use std::os::fd::{AsFd, OwnedFd};

use gantry_oci::ConsoleSize;
use gantry_sys::{Errno, in_root};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::mount_calls;
use super::root::NewRoot;
use crate::plan::{ProcessPlan, Streams};
use crate::report::{At, ChildLink, Outcome, Step};

/// Both ends of a pseudo-terminal.
pub(super) struct Terminal {
    master: OwnedFd,
    slave: OwnedFd,
}

/// For a container's first process: from its own devpts, and mounted on /dev/console.
pub(super) fn container_terminal(
    plan: &ProcessPlan,
    root: &NewRoot<'_>,
) -> Outcome<Option<Terminal>> {
    let Streams::Terminal(size) = plan.streams else {
        return Ok(None);
    };
    let master = match &root.terminals {
        Some(devpts) => {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::openat(devpts, c"ptmx", flags, Mode::empty())
        }
        None => in_root::open(
            root.as_fd(),
            c"/dev/pts/ptmx",
            OFlags::RDWR | OFlags::NOCTTY,
        ),
    };
    let terminal = Terminal::open(master, size, plan)?;
    let console = || {
        let target = in_root::make_file(root.as_fd(), c"/dev/console")?;
        mount_calls::attach(mount_calls::copy(&terminal.slave, false)?, &target)
    };
    console().at(Step::Console)?;
    Ok(Some(terminal))
}

/// For a further process, whose root is the container's already.
pub(super) fn further_terminal(plan: &ProcessPlan) -> Outcome<Option<Terminal>> {
    let Streams::Terminal(size) = plan.streams else {
        return Ok(None);
    };
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = rustix::fs::openat(CWD, c"/dev/pts/ptmx", flags, Mode::empty());
    Terminal::open(master, size, plan).map(Some)
}

impl Terminal {
    fn open(
        master: Result<OwnedFd, Errno>,
        size: Option<ConsoleSize>,
        plan: &ProcessPlan,
    ) -> Outcome<Self> {
        let open = || {
            let master = master?;
            check(&master)?;
            rustix::pty::unlockpt(&master)?;
            let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
            let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
            if let Some(size) = size {
                let size = Winsize {
                    ws_row: size.height,
                    ws_col: size.width,
                    ws_xpixel: 0,
                    ws_ypixel: 0,
                };
                rustix::termios::tcsetwinsize(&master, size)?;
            }
            rustix::fs::fchown(&slave, Some(plan.uid), None)?;
            Ok(Self { master, slave })
        };
        open().at(Step::Terminal)
    }
}

/// What the container's path led to must be a terminal multiplexer and nothing else.
fn check(master: &OwnedFd) -> Result<(), Errno> {
    const DEVPTS_SUPER_MAGIC: i64 = 0x1cd1;
    let on_devpts = rustix::fs::fstatfs(master)?.f_type == DEVPTS_SUPER_MAGIC;
    let stat = rustix::fs::fstat(master)?;
    let number = (
        rustix::fs::major(stat.st_rdev),
        rustix::fs::minor(stat.st_rdev),
    );
    if on_devpts && number == (5, 2) {
        Ok(())
    } else {
        Err(Errno::NOTTY)
    }
}

/// Puts the streams at 0, 1 and 2 and hands the terminal's master to the parent.
pub(super) fn connect(
    plan: &ProcessPlan,
    terminal: Option<Terminal>,
    link: &ChildLink<'_>,
) -> Outcome {
    if let Some(terminal) = terminal {
        link.send_terminal(&terminal.master).at(Step::Link)?;
        rustix::process::ioctl_tiocsctty(&terminal.slave).at(Step::Streams)?;
        let slave = terminal.slave.as_fd();
        return place(slave, slave, slave);
    }
    if let Streams::Fds([stdin, stdout, stderr]) = &plan.streams {
        return place(stdin.as_fd(), stdout.as_fd(), stderr.as_fd());
    }
    Ok(())
}

fn place(
    stdin: std::os::fd::BorrowedFd<'_>,
    stdout: std::os::fd::BorrowedFd<'_>,
    stderr: std::os::fd::BorrowedFd<'_>,
) -> Outcome {
    rustix::stdio::dup2_stdin(stdin).at(Step::Streams)?;
    rustix::stdio::dup2_stdout(stdout).at(Step::Streams)?;
    rustix::stdio::dup2_stderr(stderr).at(Step::Streams)
}
