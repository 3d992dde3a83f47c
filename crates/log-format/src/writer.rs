//! A log file being written, with rotation, that never gets in the way of the container.

mod file;
mod lost;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use self::file::{first_time, mend_end, open_file, write_counted};
use self::lost::Lost;
use crate::rotate::{DirectoryLock, Rotation, shift_files};
use crate::{Encoding, StreamKind};

/// Encoded bytes that are gathered before they are written, whatever [`LogWriter::flush`] does.
const BUFFER: usize = 64 * 1024;
/// A clock that goes back by more nanoseconds begins a new file: readers look a time up in a file
/// whose lines are nearly in order.
const BACK: u64 = 5_000_000_000;

/// Nanoseconds by which a line's time is moved at most.
const SAME_GO: u64 = 1_000_000;

/// Writes lines to a log file.
///
/// Nothing here fails after [`LogWriter::open`]: while the disk is full (or the file cannot be
/// made) lines are dropped and counted, and the first line that can be written again says how many.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    rotation: Rotation,
    /// Missing after a rotation whose new file could not be made.
    file: Option<File>,
    /// Bytes in the current file.
    size: u64,
    /// The time of its first line; 0 without one.
    begun: u64,
    /// The clock when something was last written.
    clock: u64,
    /// The earliest time that a line of the current file may have, lest it be taken for another.
    floor: u64,
    encoding: Encoding,
    buffer: Vec<u8>,
    lost: Lost,
    rotated: bool,
}

impl LogWriter {
    /// Opens a log of JSON lines for appending; makes the file (mode 0640) if there is none.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        Self::open_as(path, rotation, Encoding::default())
    }

    /// Opens a log of any format.
    pub fn open_as(path: &Path, rotation: Rotation, encoding: Encoding) -> io::Result<Self> {
        let file = open_file(path, false)?;
        let size = mend_end(&file, encoding.format())?;
        let begun = first_time(&file, encoding.format())?;
        Ok(Self {
            path: path.to_owned(),
            rotation: Rotation {
                max_files: rotation.max_files.max(1),
                ..rotation
            },
            file: Some(file),
            size,
            begun,
            clock: 0,
            floor: 0,
            encoding,
            buffer: Vec::new(),
            lost: Lost::default(),
            rotated: false,
        })
    }

    /// Adds one line of output (with its newline), or a piece of one, written at `time`.
    pub fn write(&mut self, stream: StreamKind, time: u64, log: &[u8]) {
        if self.must_rotate(time) {
            self.put(time);
            self.floor = self.begun.saturating_add(1);
            self.rotate(time);
        }
        let time = self.not_before_floor(time);
        if self.begun == 0 {
            self.begun = time;
        }
        self.encoding.encode(&mut self.buffer, stream, time, log);
        if self.buffer.len() >= BUFFER {
            self.put(time);
        }
    }

    /// A file is known by its inode and the time of its first entry. What is written at one go has
    /// one time, and a file may get the inode of one that was compressed just before.
    fn not_before_floor(&self, time: u64) -> u64 {
        // A clock that was set back is none of ours to set right.
        if self.floor.saturating_sub(time) < SAME_GO {
            time.max(self.floor)
        } else {
            time
        }
    }

    /// Hands what was gathered to the kernel; what it does not take is lost.
    pub fn flush(&mut self, now: u64) {
        if self.buffer.is_empty() {
            return;
        }
        let back = now.saturating_add(BACK) < self.clock;
        if back && self.size > 0 && self.rotation.max_files > 1 && self.file.is_some() {
            self.rotate(now);
        }
        self.clock = now;
        self.put(now);
    }

    /// The same at the time of a line, which may be long ago: the pieces of a long one all have the
    /// time of the first.
    fn put(&mut self, now: u64) {
        if self.buffer.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        let written = if self.ready(now) {
            self.append(&buffer, now)
        } else {
            0
        };
        self.lost
            .count(self.encoding.format().whole(&buffer[written..]).1);
        self.buffer = buffer;
        self.buffer.clear();
    }

    /// Gives back the memory of a busy time.
    pub fn shrink(&mut self) {
        self.buffer.shrink_to(0);
    }

    /// Lines lost since the log was opened.
    pub fn lost_lines(&self) -> u64 {
        self.lost.total
    }

    /// Whether older files have been moved on since this was last asked.
    pub fn take_rotated(&mut self) -> bool {
        std::mem::take(&mut self.rotated)
    }

    /// Bytes of the current file, with those that are not written yet.
    fn length(&self) -> u64 {
        self.size + self.buffer.len() as u64
    }

    fn must_rotate(&self, time: u64) -> bool {
        if self.file.is_none() || self.length() == 0 {
            return false;
        }
        let Rotation {
            max_size,
            max_files,
            max_age,
        } = self.rotation;
        let is_large = max_size > 0 && self.length() >= max_size;
        // A part of the age for each file, so that what is too old can go file by file.
        let age = max_age / u64::from(max_files);
        is_large || (max_age > 0 && time.saturating_sub(self.begun) >= age)
    }

    /// Goes on in a new file; if that fails, [`LogWriter::ready`] tries again.
    fn rotate(&mut self, now: u64) {
        let lock = match DirectoryLock::attempt(&self.path) {
            // Somebody puts a compressed file in place at this moment: the next line will do.
            Ok(None) if self.length() < self.rotation.max_size.saturating_mul(2) => return,
            Ok(lock) => lock,
            // No descriptors left, perhaps: a log goes on without the lock rather than not at all.
            Err(_) => None,
        };
        self.file = None;
        self.begin_file(now);
        drop(lock);
    }

    fn begin_file(&mut self, now: u64) {
        let begun = shift_files(&self.path, self.rotation.max_files)
            .and_then(|()| open_file(&self.path, self.rotation.max_files == 1));
        match begun {
            Ok(file) => {
                (self.file, self.size, self.begun) = (Some(file), 0, 0);
                self.rotated = true;
            }
            Err(error) => self.lost.refused(&error, now),
        }
    }

    /// Whether lines can be written again: a file is open and has the note of what was lost.
    fn ready(&mut self, now: u64) -> bool {
        if self.lost.must_wait(now) {
            return false;
        }
        if self.file.is_none() {
            self.begin_file(now);
        }
        if self.lost.unsaid > 0 && self.file.is_some() {
            let mut line = Vec::new();
            self.encoding.encode(
                &mut line,
                StreamKind::Stderr,
                now,
                self.lost.note().as_bytes(),
            );
            if self.append(&line, now) == line.len() {
                self.lost.unsaid = 0;
            }
        }
        self.file.is_some() && self.lost.unsaid == 0
    }

    /// Appends whole lines; says how many bytes of them are in the file.
    fn append(&mut self, lines: &[u8], now: u64) -> usize {
        let Some(file) = &self.file else { return 0 };
        let (written, result) = write_counted(file, lines);
        let Err(error) = result else {
            self.size += lines.len() as u64;
            return lines.len();
        };
        self.lost.refused(&error, now);
        let whole = self.encoding.format().whole(&lines[..written]).0;
        // The beginning of a line that cannot be finished goes again. Measured anew, because
        // somebody may have truncated the file.
        if whole < written
            && let Ok(end) = file.metadata().map(|m| m.len())
        {
            let _ = file.set_len(end.saturating_sub((written - whole) as u64));
        }
        self.size += whole as u64;
        whole
    }
}
