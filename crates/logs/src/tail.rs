//! Counting lines from a file's end.
//!
//! A long line is logged in several entries. What counts is the last of them: one with a newline,
//! or the last of all of its stream.

use std::io;

use gantry_log_format::{Format, StreamKind, local};

use crate::files::LogFile;
use crate::seek::BLOCK;

/// Where the last `wanted` lines of a file begin, or `None` with the lines still wanted.
pub(crate) fn tail_of_file(file: &LogFile, wanted: &mut u64) -> io::Result<Option<u64>> {
    let size = file.size()?;
    if *wanted == 0 {
        return Ok(Some(size));
    }
    let mut count = Count::default();
    let found = match file.format() {
        Format::Json => tail_of_lines(file, size, *wanted, &mut count)?,
        Format::Local => tail_of_records(file, size, *wanted, &mut count)?,
    };
    *wanted -= count.lines.min(*wanted);
    Ok(found.or((*wanted == 0).then_some(0)))
}

/// The lines seen so far, from the last one on.
#[derive(Default)]
struct Count {
    lines: u64,
    /// Whether an entry of standard output and of standard error was seen.
    seen: [bool; 2],
}

impl Count {
    /// Counts an entry if it is a line's last.
    fn entry(&mut self, stream: StreamKind, has_newline: bool) {
        self.lines += u64::from(self.ends_line(stream, has_newline));
        self.seen[stream as usize] = true;
    }

    fn ends_line(&self, stream: StreamKind, has_newline: bool) -> bool {
        has_newline || !self.seen[stream as usize]
    }
}

/// Bytes of a file, read backwards.
struct Window<'a> {
    file: &'a LogFile,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(file: &'a LogFile, end: u64) -> Self {
        Self {
            file,
            start: end,
            bytes: Vec::new(),
        }
    }

    /// From where on bytes before `end` are best looked at.
    fn floor(&self, end: u64) -> u64 {
        if end > self.start {
            self.start
        } else {
            end.saturating_sub(BLOCK as u64)
        }
    }

    /// The bytes from `start` to `end`.
    fn get(&mut self, start: u64, end: u64) -> io::Result<&[u8]> {
        if start < self.start || end > self.start + self.bytes.len() as u64 {
            let from = end.saturating_sub(BLOCK as u64).min(start);
            self.bytes.resize((end - from) as usize, 0);
            let count = self.file.read_at(&mut self.bytes, from)?;
            if count < self.bytes.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.start = from;
        }
        let (from, to) = ((start - self.start) as usize, (end - self.start) as usize);
        Ok(&self.bytes[from..to])
    }
}

fn tail_of_lines(
    file: &LogFile,
    size: u64,
    wanted: u64,
    count: &mut Count,
) -> io::Result<Option<u64>> {
    let mut window = Window::new(file, size);
    // The line between the newlines is looked at when the one before it is found.
    let mut end = size;
    let mut at = size;
    while at > 0 {
        let from = window.floor(at);
        let newline = memchr::memrchr(b'\n', window.get(from, at)?);
        let Some(newline) = newline else {
            at = from;
            continue;
        };
        at = from + newline as u64;
        // The file's last newline ends its last line; bytes behind it are not a line yet.
        if end == size && !is_line(window.get(at, end)?) {
            end = at + 1;
            continue;
        }
        if take(&mut window, at + 1, end, wanted, count)? {
            return Ok(Some(end));
        }
        end = at + 1;
    }
    if take(&mut window, 0, end, wanted, count)? {
        return Ok(Some(end));
    }
    Ok(None)
}

/// Whether there is a whole line behind the newline that `bytes` begins with.
fn is_line(bytes: &[u8]) -> bool {
    bytes.len() > 1 && bytes.ends_with(b"\n")
}

/// Counts the line of these places; true, and not counted, if it is one too many.
fn take(
    window: &mut Window<'_>,
    start: u64,
    end: u64,
    wanted: u64,
    count: &mut Count,
) -> io::Result<bool> {
    let Some((stream, newline)) = look(window.get(start, end)?) else {
        return Ok(false);
    };
    if count.lines == wanted && count.ends_line(stream, newline) {
        return Ok(true);
    }
    count.entry(stream, newline);
    Ok(false)
}

/// A line's stream and whether its text has a newline, by its look: decoding it would cost more.
fn look(line: &[u8]) -> Option<(StreamKind, bool)> {
    const STREAM: &[u8] = br#","stream":"std"#;
    if line.is_empty() {
        return None;
    }
    // Within a text each quote has a backslash: what has none is no part of one.
    let Some(at) = memchr::memmem::rfind(line, STREAM) else {
        return Some((StreamKind::Stdout, true));
    };
    let stream = match line.get(at + STREAM.len()) {
        Some(b'e') => StreamKind::Stderr,
        _ => StreamKind::Stdout,
    };
    Some((stream, line[..at].ends_with(br#"\n""#)))
}

fn tail_of_records(
    file: &LogFile,
    size: u64,
    wanted: u64,
    count: &mut Count,
) -> io::Result<Option<u64>> {
    let mut window = Window::new(file, size);
    let (mut end, mut text) = (size, Vec::new());
    while end > 0 {
        let Some(start) = record_before(&mut window, end)? else {
            // A record is being written, or is damaged: from the beginning its place is found.
            let whole = end_of_records(file, end)?;
            if whole == end {
                return Ok(Some(end));
            }
            end = whole;
            window = Window::new(file, end);
            continue;
        };
        let local::Frame::Whole(message, _) = local::frame(window.get(start, end)?) else {
            return Ok(Some(end));
        };
        text.clear();
        if let Ok(decoded) = local::decode(message, &mut text) {
            let newline = text.last() == Some(&b'\n');
            if count.lines == wanted && count.ends_line(decoded.stream, newline) {
                return Ok(Some(end));
            }
            count.entry(decoded.stream, newline);
        }
        end = start;
    }
    Ok(None)
}

/// Where the record begins that ends there.
fn record_before(window: &mut Window<'_>, end: u64) -> io::Result<Option<u64>> {
    let Some(tail) = end.checked_sub(4) else {
        return Ok(None);
    };
    let Ok(length) = <[u8; 4]>::try_from(window.get(tail, end)?) else {
        return Ok(None);
    };
    let length = u64::from(u32::from_be_bytes(length)) + local::LENGTHS as u64;
    let Some(start) = end.checked_sub(length) else {
        return Ok(None);
    };
    let whole = window.get(start, end)?;
    let fits = matches!(local::frame(whole), local::Frame::Whole(_, size) if size == whole.len());
    Ok(fits.then_some(start))
}

/// Where the whole records end that a file begins with.
fn end_of_records(file: &LogFile, limit: u64) -> io::Result<u64> {
    let (mut offset, mut block) = (0, vec![0; 4 * BLOCK]);
    loop {
        let count = file.read_at(&mut block, offset)?;
        let count = count.min((limit - offset) as usize);
        let (whole, _) = local::whole(&block[..count]);
        if whole == 0 {
            return Ok(offset);
        }
        offset += whole as u64;
    }
}
