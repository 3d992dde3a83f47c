//! Finding the line to begin with, without reading what lies before it.

use std::io;
use std::os::unix::fs::FileExt;

use gantry_log_format::decode;

use crate::files::LogFile;

const BLOCK: usize = 64 * 1024;
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

/// Where the last `wanted` lines of a file begin, or `None` with the lines still wanted.
fn tail_of_file(file: &LogFile, wanted: &mut u64) -> io::Result<Option<u64>> {
    let size = file.size()?;
    if *wanted == 0 {
        return Ok(Some(size));
    }
    let mut block = vec![0; BLOCK];
    let mut end = size;
    let mut seen = 0;
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let block = &mut block[..(end - start) as usize];
        file.file.read_exact_at(block, start)?;
        for at in block
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, c)| **c == b'\n')
            .map(|(at, _)| at)
        {
            // The newline before the first wanted line.
            if seen == *wanted {
                return Ok(Some(start + at as u64 + 1));
            }
            seen += 1;
        }
        end = start;
    }
    *wanted -= seen;
    Ok((*wanted == 0).then_some(0))
}

/// A place from which on all lines of `since` and later are, and not many others.
pub(crate) fn since(files: &[LogFile], since: u64) -> io::Result<Place> {
    let since = since.saturating_sub(SLACK);
    for (index, file) in files.iter().enumerate() {
        let size = file.size()?;
        let offset = since_in_file(file, size, since)?;
        if offset < size {
            return Ok(Place {
                file: index,
                offset,
            });
        }
    }
    let last = files.len().saturating_sub(1);
    let offset = files.last().map_or(Ok(0), LogFile::size)?;
    Ok(Place { file: last, offset })
}

fn since_in_file(file: &LogFile, size: u64, since: u64) -> io::Result<u64> {
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
    let mut block = vec![0; 2 * BLOCK + BLOCK];
    let count = read_some(file, &mut block, offset)?;
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
    let count = read_some(file, &mut block, start)?;
    let mut text = Vec::new();
    let mut lines = block[..count].rsplit(|c| *c == b'\n');
    Ok(lines.find_map(|line| {
        text.clear();
        decode(line, &mut text).ok().map(|d| d.time)
    }))
}

/// Reads until the buffer is full or the file ends.
pub(crate) fn read_some(file: &LogFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match file
            .file
            .read_at(&mut buffer[count..], offset + count as u64)
        {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
