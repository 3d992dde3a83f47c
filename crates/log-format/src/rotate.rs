//! The files of one log: their names, and moving them on.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};

/// When a log goes on in a new file, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A file of this many bytes or more is not written any further; 0 never rotates.
    pub max_size: u64,
    /// How many files there are at most, the current one among them.
    pub max_files: u32,
    /// A file is not written any further this many nanoseconds after its first line; 0 does not
    /// look at the time.
    pub max_age: u64,
}

impl Default for Rotation {
    /// 20 MB times 5: bounded, and enough to look back.
    fn default() -> Self {
        Self {
            max_size: 20_000_000,
            max_files: 5,
            max_age: 0,
        }
    }
}

/// The name of the `n`th older file of a log; 0 is the current one.
pub fn rotated_path(path: &Path, n: u32) -> PathBuf {
    if n == 0 {
        return path.to_owned();
    }
    with_suffix(path, &format!(".{n}"))
}

/// The name of the `n`th older file once it is compressed.
pub fn compressed_path(path: &Path, n: u32) -> PathBuf {
    with_suffix(path, &format!(".{n}.gz"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The right to rename and remove a log's older files.
///
/// The writer moves them on, another process puts compressed ones in their place: who does either
/// holds the lock (flock(2) on the log's directory) for that moment.
#[derive(Debug)]
pub struct DirectoryLock(#[expect(dead_code, reason = "closing it gives the lock back")] OwnedFd);

impl DirectoryLock {
    /// Waits for the lock.
    pub fn wait(path: &Path) -> io::Result<Self> {
        let directory = open_directory(path)?;
        rustix::fs::flock(&directory, FlockOperation::LockExclusive)?;
        Ok(Self(directory))
    }

    /// Takes the lock if nobody has it.
    pub(crate) fn attempt(path: &Path) -> io::Result<Option<Self>> {
        let directory = open_directory(path)?;
        match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self(directory))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(parent, flags, Mode::empty())?)
}

/// Renames every file of a log to the next older name; the oldest goes.
pub(crate) fn shift_files(path: &Path, max_files: u32) -> io::Result<()> {
    // Nothing to do if an attempt before this one came as far as here.
    if max_files < 2 || !path.try_exists()? {
        return Ok(());
    }
    for n in (0..max_files - 1).rev() {
        let plain = move_on(&rotated_path(path, n), &rotated_path(path, n + 1))?;
        if plain {
            remove(&compressed_path(path, n + 1))?;
        }
        if n > 0 && move_on(&compressed_path(path, n), &compressed_path(path, n + 1))? && !plain {
            remove(&rotated_path(path, n + 1))?;
        }
    }
    Ok(())
}

fn move_on(from: &Path, to: &Path) -> io::Result<bool> {
    match std::fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
