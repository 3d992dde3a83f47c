//! Finding the entry to begin with, without reading what lies before it.

use std::io;

use gantry_log_format::{Format, StreamKind, decode, local};

use crate::files::{FileId, LogFile};
use crate::tail::tail_of_file;

pub(crate) const BLOCK: usize = 64 * 1024;
/// Where fewer bytes are left than this, reading them is as quick as searching on.
const NEAR: u64 = 256 * 1024;
/// Lines may be out of order by as much: the streams' lines are timed one by one.
pub(crate) const SLACK: u64 = 5_000_000_000;

/// A place in the files of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) offset: u64,
}

/// Which streams' lines count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

impl Streams {
    pub(crate) fn wants(self, stream: StreamKind) -> bool {
        match stream {
            StreamKind::Stdout => self.stdout,
            StreamKind::Stderr => self.stderr,
        }
    }
}

/// Where the last `lines` lines begin.
pub(crate) fn tail(files: &[LogFile], lines: u64) -> io::Result<Place> {
    let mut wanted = lines;
    for (index, file) in files.iter().enumerate().rev() {
        if let Some(offset) = tail_of_file(file, &mut wanted)? {
            return Ok(Place {
                file: index,
                offset,
            });
        }
    }
    Ok(Place { file: 0, offset: 0 })
}

/// A place from which on all lines of `since` and later are, and not many others.
pub(crate) fn since(files: &[LogFile], since: u64) -> io::Result<Place> {
    let since = since.saturating_sub(SLACK);
    for (index, file) in files.iter().enumerate() {
        let size = file.size()?;
        let offset = match file.format() {
            Format::Json => since_in_lines(file, size, since)?,
            Format::Local => since_in_records(file, size, since)?,
        };
        if offset < size {
            return Ok(Place {
                file: index,
                offset,
            });
        }
    }
    end(files)
}

fn end(files: &[LogFile]) -> io::Result<Place> {
    Ok(Place {
        file: files.len().saturating_sub(1),
        offset: files.last().map_or(Ok(0), LogFile::size)?,
    })
}

/// The place behind what was read before; the oldest if that file is gone.
pub(crate) fn behind(files: &[LogFile], id: FileId, offset: u64) -> io::Result<Place> {
    for (file, log) in files.iter().enumerate() {
        if log.id()? == id && offset <= log.size()? {
            return Ok(Place { file, offset });
        }
    }
    Ok(Place { file: 0, offset: 0 })
}

fn since_in_lines(file: &LogFile, size: u64, since: u64) -> io::Result<u64> {
    // All before `low` is too old; the line that `high` lies in, or a later one, is not.
    let (mut low, mut high) = (0, size);
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        match line_after(file, middle, high)? {
            Some((start, time)) if time < since => low = start,
            Some(_) => high = middle,
            None => break,
        }
    }
    // A file that ends too early is left out altogether.
    if high == size && last_time(file, size)?.is_some_and(|time| time < since) {
        return Ok(size);
    }
    Ok(low)
}

/// The first whole line that begins after `offset` and before `limit`: where, and its time.
fn line_after(file: &LogFile, offset: u64, limit: u64) -> io::Result<Option<(u64, u64)>> {
    let mut block = vec![0; 3 * BLOCK];
    let count = file.read_at(&mut block, offset)?;
    let mut start = offset;
    let mut text = Vec::new();
    for (n, line) in block[..count].split_inclusive(|c| *c == b'\n').enumerate() {
        if start >= limit {
            break;
        }
        text.clear();
        if n > 0
            && line.ends_with(b"\n")
            && let Ok(decoded) = decode(line, &mut text)
        {
            return Ok(Some((start, decoded.time)));
        }
        start += line.len() as u64;
    }
    Ok(None)
}

fn last_time(file: &LogFile, size: u64) -> io::Result<Option<u64>> {
    let start = size.saturating_sub(2 * BLOCK as u64);
    let mut block = vec![0; (size - start) as usize];
    let count = file.read_at(&mut block, start)?;
    let mut text = Vec::new();
    let mut lines = block[..count].rsplit(|c| *c == b'\n');
    Ok(lines.find_map(|line| {
        text.clear();
        decode(line, &mut text).ok().map(|d| d.time)
    }))
}

/// Records cannot be found from the middle of a file; from one to the next it goes fast.
fn since_in_records(file: &LogFile, size: u64, since: u64) -> io::Result<u64> {
    let (mut offset, mut block) = (0, vec![0; 4 * BLOCK]);
    let mut text = Vec::new();
    while offset < size {
        let count = file.read_at(&mut block, offset)?;
        let mut rest = &block[..count];
        let before = offset;
        while let local::Frame::Whole(message, length) = local::frame(rest) {
            text.clear();
            if local::decode(message, &mut text).is_ok_and(|d| d.time >= since) {
                return Ok(offset);
            }
            offset += length as u64;
            rest = &rest[length..];
        }
        if offset == before {
            // Damaged, or longer than a block: whoever reads on sees to it.
            return Ok(offset);
        }
    }
    Ok(size)
}
