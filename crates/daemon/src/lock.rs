//! One daemon per data root.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::Error;

/// The lock on a data root; the kernel releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataRootLock {
    _file: File,
}

/// How long `gantry daemon stop` waits.
const STOP_WAIT: Duration = Duration::from_secs(30);
/// The same when it stops its containers first.
const STOP_WAIT_WITH_CONTAINERS: Duration = Duration::from_secs(600);

impl DataRootLock {
    /// Takes the lock, or says which process has it.
    pub fn take(data_root: &Path) -> Result<Self, Error> {
        fs::create_dir_all(data_root).map_err(Error::file("create", data_root))?;
        let mut file = open(data_root)?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Error::DataRootInUse {
                path: data_root.to_owned(),
                holder: pid_in(&mut file),
            });
        }
        let path = lock_path(data_root);
        file.set_len(0).map_err(Error::file("truncate", &path))?;
        write!(file, "{}", std::process::id()).map_err(Error::file("write", &path))?;
        Ok(Self { _file: file })
    }
}

/// Asks the daemon of this data root to end, and waits until it has.
/// With `containers`, the daemon stops its containers before it ends, however it is configured.
pub fn stop_holder(data_root: &Path, containers: bool) -> Result<u32, Error> {
    let not_running = || Error::NotRunning(data_root.to_owned());
    if !lock_path(data_root).exists() {
        return Err(not_running());
    }
    let mut file = open(data_root)?;
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        return Err(not_running());
    }
    let pid = pid_in(&mut file).ok_or_else(not_running)?;
    let raw = Pid::from_raw(pid as i32).ok_or_else(not_running)?;
    // The process cannot be another by now: its number stands in a file that it has locked.
    let pidfd = rustix::process::pidfd_open(raw, PidfdFlags::empty()).map_err(|_| not_running())?;
    let signal = if containers {
        crate::signals::WITH_CONTAINERS
    } else {
        Signal::TERM
    };
    rustix::process::pidfd_send_signal(&pidfd, signal)
        .map_err(|e| Error::file("signal the daemon of", data_root)(e.into()))?;
    let stop_wait = if containers {
        STOP_WAIT_WITH_CONTAINERS
    } else {
        STOP_WAIT
    };
    let mut fds = [rustix::event::PollFd::new(
        &pidfd,
        rustix::event::PollFlags::IN,
    )];
    let wait = rustix::event::Timespec {
        tv_sec: stop_wait.as_secs() as i64,
        tv_nsec: 0,
    };
    match rustix::event::poll(&mut fds, Some(&wait)) {
        Ok(0) => Err(Error::DoesNotStop {
            pid,
            seconds: stop_wait.as_secs(),
        }),
        Ok(_) => Ok(pid),
        Err(e) => Err(Error::file("wait for the daemon of", data_root)(e.into())),
    }
}

fn lock_path(data_root: &Path) -> PathBuf {
    data_root.join("daemon.lock")
}

fn open(data_root: &Path) -> Result<File, Error> {
    let path = lock_path(data_root);
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::file("open", path))
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_daemon_is_told_who_has_the_data_root() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataRootLock::take(dir.path()).unwrap();
        let refused = DataRootLock::take(dir.path()).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("(process {})", std::process::id())),
            "{refused}"
        );
        drop(first);
        DataRootLock::take(dir.path()).unwrap();
    }

    #[test]
    fn stopping_nothing_says_so() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            stop_holder(dir.path(), false),
            Err(Error::NotRunning(_))
        ));
        DataRootLock::take(dir.path()).unwrap();
        assert!(matches!(
            stop_holder(dir.path(), false),
            Err(Error::NotRunning(_))
        ));
    }
}
