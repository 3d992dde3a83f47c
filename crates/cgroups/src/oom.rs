//! Notice of memory running out.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{Mode, OFlags, inotify};
use rustix::io::Errno;

use crate::files::Dir;
use crate::{Error, Result};

/// A descriptor that becomes readable when a group ran out of memory.
#[derive(Debug)]
pub struct OomNotifier {
    fd: OwnedFd,
}

impl OomNotifier {
    /// An eventfd that the kernel counts up (`cgroup-v1/memory.rst`, section 10, OOM Control).
    pub(crate) fn v1(dir: &Dir) -> Result<Self> {
        let control = dir.path().join("memory.oom_control");
        let failed = |errno| Error::Io {
            action: "watch".into(),
            path: control.clone(),
            errno,
        };
        let file = rustix::fs::open(&control, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(failed)?;
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed)?;
        let registration = format!("{} {}", fd.as_raw_fd(), file.as_raw_fd());
        dir.write("cgroup.event_control", &registration)?;
        Ok(Self { fd })
    }

    /// An inotify descriptor on `memory.events`, which the kernel marks modified.
    pub(crate) fn v2(dir: &Dir) -> Result<Self> {
        let events = dir.path().join("memory.events");
        let failed = |errno| Error::Io {
            action: "watch".into(),
            path: events.clone(),
            errno,
        };
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let fd = inotify::init(flags).map_err(failed)?;
        inotify::add_watch(&fd, &events, inotify::WatchFlags::MODIFY).map_err(failed)?;
        Ok(Self { fd })
    }

    /// Reads away what made the descriptor readable; never blocks.
    ///
    /// It may also have been the group's end: ask [`crate::Cgroup::oom_kills`] for the truth.
    pub fn acknowledge(&self) -> Result<()> {
        let mut buffer = [0; 4096];
        match rustix::io::read(&self.fd, &mut buffer) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => {
                let path = "memory events".into();
                Err(Error::Io {
                    action: "read".to_owned(),
                    path,
                    errno,
                })
            }
        }
    }
}

impl AsFd for OomNotifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
