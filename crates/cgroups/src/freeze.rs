//! Stopping and resuming a whole group.
//!
//! Specification: `cgroup-v1/freezer-subsystem.rst`, `cgroup-v2.rst` (`cgroup.freeze`).

use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::files::Dir;
use crate::group::Home;
use crate::{Cgroup, Controller, Error, Result};

/// How long a group may take to freeze; a process in an uninterruptible wait delays it.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn freeze(group: &Cgroup) -> Result<()> {
    match home(group)? {
        Home::V1(dir) => {
            let ask = || dir.write("freezer.state", "FROZEN");
            ask()?;
            // Asking again is what takes processes in that were forked meanwhile.
            until_frozen(group, ask)
        }
        Home::V2(dir) => {
            dir.write("cgroup.freeze", "1")?;
            until_frozen(group, || Ok(()))
        }
    }
}

fn until_frozen(group: &Cgroup, ask_again: impl Fn() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(50);
    while !is_frozen(group)? {
        if start.elapsed() > PATIENCE {
            thaw(group)?;
            let dir = home(group)?.dir().path().to_owned();
            return Err(Error::Io {
                action: "freeze".into(),
                path: dir,
                errno: Errno::TIMEDOUT,
            });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
        ask_again()?;
    }
    Ok(())
}

pub(crate) fn thaw(group: &Cgroup) -> Result<()> {
    match home(group)? {
        Home::V1(dir) => dir.write("freezer.state", "THAWED"),
        Home::V2(dir) => dir.write("cgroup.freeze", "0"),
    }
}

pub(crate) fn is_frozen(group: &Cgroup) -> Result<bool> {
    Ok(match home(group)? {
        Home::V1(dir) => dir.read("freezer.state")?.trim() == "FROZEN",
        Home::V2(dir) => dir.keyed("cgroup.events", "frozen") == Some(1),
    })
}

/// v1's freezer where it is mounted, since tools look there; else v2's, which every group has.
fn home(group: &Cgroup) -> Result<Home<'_>> {
    let v2 = || group.v2.as_ref().map(|v2| Home::V2(&v2.dir));
    let missing = || Error::Io {
        action: "find a freezer for".to_owned(),
        path: group.path().into(),
        errno: Errno::OPNOTSUPP,
    };
    group
        .home(Controller::Freezer)
        .or_else(v2)
        .ok_or_else(missing)
}

impl<'a> Home<'a> {
    fn dir(&self) -> &'a Dir {
        match self {
            Self::V1(dir) | Self::V2(dir) => dir,
        }
    }
}
