//! Work that nobody waits for: freeing what was removed, and forcing layers to the disk.

use std::ffi::CString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fdatasync, fsync, openat, syncfs, unlinkat};
use rustix::io::Errno;

use crate::descent::remove_tree;
use crate::layers::UNSYNCED;

/// One thing to do.
pub(crate) enum Job {
    /// Remove a directory of the store's `tmp`.
    Remove(PathBuf),
    /// Force a layer to the disk, then take the mark off it that says it has not been.
    Sync {
        /// The layer's directory.
        directory: OwnedFd,
        how: SyncHow,
    },
}

/// How a layer gets to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncHow {
    /// File by file, for a layer of few files.
    Files(&'static [&'static str]),
    /// The whole file system, for a layer of many.
    FileSystem,
}

/// A thread that works through jobs in order. Dropping it waits for the last one.
#[derive(Debug)]
pub(crate) struct Housekeeper {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Housekeeper {
    pub(crate) fn start() -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        let thread = thread::Builder::new()
            .name("housekeeping".to_owned())
            .spawn(move || work(&queue))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(crate) fn submit(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends only after this sender. What is not done is done at the next start.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// From so many layers on it is cheaper to write out the whole file system once.
const MANY: usize = 4;

fn work(queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let mut to_sync = Vec::new();
        for job in std::iter::once(first).chain(queue.try_iter()) {
            match job {
                Job::Remove(path) => remove(&path),
                Job::Sync { directory, how } => to_sync.push((directory, how)),
            }
        }
        if let Err(error) = sync_all(&to_sync) {
            tracing::warn!(%error, "layers could not be forced to the disk");
        }
    }
}

fn sync_all(layers: &[(OwnedFd, SyncHow)]) -> rustix::io::Result<()> {
    match layers {
        [(first, _), ..] if layers.len() >= MANY => syncfs(first)?,
        _ => layers
            .iter()
            .try_for_each(|(directory, how)| sync(directory, *how))?,
    }
    // By the directory's descriptor: a layer may have been removed and made anew meanwhile.
    for (directory, _) in layers {
        match unlinkat(directory, UNSYNCED, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn remove(path: &Path) {
    let removed = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Errno::INVAL)
        .and_then(|path| remove_tree(CWD, &path));
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "cannot remove; trying again at next start");
    }
}

fn sync(directory: &OwnedFd, how: SyncHow) -> rustix::io::Result<()> {
    match how {
        SyncHow::Files(names) => {
            for name in names {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                fdatasync(openat(directory, *name, flags, Mode::empty())?)?;
            }
            fsync(directory)?;
            // The layer's own name is in the directory above.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            fsync(openat(directory, c"..", flags, Mode::empty())?)?;
        }
        SyncHow::FileSystem => syncfs(directory)?,
    }
    Ok(())
}

/// This boot's random name.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}
