//! Reading a log forwards, batch by batch.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use gantry_log_format::{Decoded, Format, decode, decode_with_attrs, local, pairs};

use crate::batch::{Mark, Position};
use crate::files::{LogFile, open_after};
use crate::seek::{Place, SLACK, Streams, behind, since, tail};
use crate::{Batch, Options, details};

/// Bytes read at once. Larger than nearly any line: 16 KiB of which each byte takes six, and
/// attributes.
const BLOCK: usize = 256 * 1024;
/// What is longer is not a line, and is skipped.
const LONGEST: usize = 4 * 1024 * 1024;

/// A place in a log, and which lines after it are wanted.
#[derive(Debug)]
pub(crate) struct Cursor {
    path: PathBuf,
    format: Format,
    streams: Streams,
    details: bool,
    /// The file being read, then the later ones.
    files: VecDeque<LogFile>,
    offset: u64,
    since: u64,
    until: u64,
    /// Where the newest file ends, if what is added meanwhile is of no interest.
    end: Option<u64>,
    /// A line later than `until` was met.
    past_until: bool,
    block: Vec<u8>,
    /// Bytes that the next block has.
    length: usize,
}

impl Cursor {
    /// Without `follow`, reads what there is now and nothing that is written later.
    pub(crate) fn open(path: &Path, options: &Options, follow: bool) -> io::Result<Self> {
        let mut files = open_after(path, options.format, None)?;
        let end = match files.last() {
            _ if follow => None,
            Some(newest) => Some(newest.size()?),
            None => Some(0),
        };
        let mut place = Place { file: 0, offset: 0 };
        if let Some(position) = options.after {
            place = behind(&files, position.file, position.offset)?;
        } else if let Some(lines) = options.tail {
            place = tail(&files, lines)?;
        } else if let Some(time) = options.since {
            place = since(&files, time)?;
        }
        files.drain(..place.file.min(files.len()));
        Ok(Self {
            path: path.to_owned(),
            format: options.format,
            streams: Streams {
                stdout: options.stdout,
                stderr: options.stderr,
            },
            details: options.details,
            files: files.into(),
            offset: place.offset,
            end,
            since: options.since.unwrap_or(0),
            until: options.until.unwrap_or(u64::MAX),
            past_until: false,
            block: Vec::new(),
            length: BLOCK,
        })
    }

    /// The next lines; an empty batch if there are none now.
    pub(crate) fn next(&mut self) -> io::Result<Batch> {
        let mut batch = Batch::default();
        while batch.is_empty() && !self.past_until {
            if self.read_block(&mut batch)? {
                continue;
            }
            if !self.next_file()? {
                break;
            }
        }
        if batch.is_empty() {
            self.block = Vec::new();
        } else if let Some(file) = self.files.front() {
            batch.position = Position {
                file: file.id()?,
                offset: self.offset,
            };
        }
        Ok(batch)
    }

    /// Whether no line can follow any more, as all would be too late.
    pub(crate) fn is_past_until(&self) -> bool {
        self.past_until
    }

    /// Decodes the next block of the current file; false at its end.
    fn read_block(&mut self, batch: &mut Batch) -> io::Result<bool> {
        let Some(file) = self.files.front() else {
            return Ok(false);
        };
        let left = match self.end {
            Some(end) if self.files.len() == 1 => end.saturating_sub(self.offset),
            _ => u64::MAX,
        };
        self.block.resize(self.length, 0);
        let length = self
            .length
            .min(usize::try_from(left).unwrap_or(self.length));
        let count = file.read_at(&mut self.block[..length], self.offset)?;
        if count == 0 {
            // A log of one file is begun again from its start.
            if self.end.is_none() && file.size()? < self.offset {
                self.offset = 0;
                return Ok(true);
            }
            return Ok(false);
        }
        let block = std::mem::take(&mut self.block);
        let taken = self.decode(&block[..count], batch);
        self.block = block;
        self.offset += taken as u64;
        if taken > 0 {
            self.length = BLOCK;
            return Ok(true);
        }
        if count < self.length {
            return Ok(false);
        }
        if self.length < LONGEST {
            self.length *= 4;
        } else {
            // No line is as long: this is not one, and is skipped.
            self.offset += count as u64;
            self.length = BLOCK;
        }
        Ok(true)
    }

    /// Decodes the whole entries that a block begins with; says how many bytes those are.
    fn decode(&mut self, block: &[u8], batch: &mut Batch) -> usize {
        // Nearly what it will be; the text is shorter than its encoding.
        batch.bytes.reserve(block.len());
        match self.format {
            Format::Json => {
                let whole = memchr::memrchr(b'\n', block).map_or(0, |at| at + 1);
                self.decode_lines(&block[..whole], batch);
                whole
            }
            Format::Local => self.decode_records(block, batch),
        }
    }

    fn decode_lines(&mut self, lines: &[u8], batch: &mut Batch) {
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', lines) {
            let line = &lines[start..=newline];
            start = newline + 1;
            let before = batch.bytes.len();
            // What is damaged says nothing; the lines around it do.
            let decoded = if self.details {
                decode_with_attrs(line, &mut batch.bytes).map(|(decoded, attrs)| {
                    details::push(&mut batch.details, pairs(attrs));
                    decoded
                })
            } else {
                decode(line, &mut batch.bytes)
            };
            if let Ok(decoded) = decoded
                && !self.keep(decoded, before, batch)
            {
                return;
            }
        }
    }

    fn decode_records(&mut self, block: &[u8], batch: &mut Batch) -> usize {
        let mut taken = 0;
        loop {
            match local::frame(&block[taken..]) {
                local::Frame::Whole(message, size) => {
                    taken += size;
                    let before = batch.bytes.len();
                    let Ok(decoded) = local::decode(message, &mut batch.bytes) else {
                        continue;
                    };
                    if self.details {
                        details::push(&mut batch.details, local::pairs(message));
                    }
                    if !self.keep(decoded, before, batch) {
                        return block.len();
                    }
                }
                local::Frame::Cut => return taken,
                local::Frame::Damaged => match local::resume(&block[taken..]) {
                    Some(at) => taken += at,
                    None => return taken,
                },
            }
        }
    }

    /// Adds the line just decoded, if it is wanted; false if none can follow that is.
    fn keep(&mut self, decoded: Decoded, before: usize, batch: &mut Batch) -> bool {
        let in_time = (self.since..=self.until).contains(&decoded.time);
        if !in_time || !self.streams.wants(decoded.stream) {
            batch.bytes.truncate(before);
            let details_end = batch.marks.last().map_or(0, |mark| mark.details_end);
            batch.details.truncate(details_end);
            // In a later file the clock may have been set back.
            let is_last = self.files.len() <= 1;
            if is_last && decoded.time > self.until.saturating_add(SLACK) {
                self.past_until = true;
                return false;
            }
            return true;
        }
        batch.marks.push(Mark {
            end: batch.bytes.len(),
            details_end: batch.details.len(),
            time: decoded.time,
            stream: decoded.stream,
        });
        true
    }

    /// Goes on to the file that was begun after the current one; false if there is none.
    fn next_file(&mut self) -> io::Result<bool> {
        if self.files.len() <= 1 {
            let current = self.files.front();
            if self.end.is_some() {
                return Ok(false);
            }
            if current.is_some_and(|file| file.is_at(&self.path)) {
                return Ok(false);
            }
            let later = open_after(&self.path, self.format, current)?;
            if later.is_empty() {
                return Ok(false);
            }
            let is_first = self.files.is_empty();
            self.files.extend(later);
            // The writer has left the current file for good: what it wrote last is read first.
            if !is_first && self.has_more()? {
                return Ok(true);
            }
            if is_first {
                self.offset = 0;
                return Ok(true);
            }
        }
        self.files.pop_front();
        self.offset = 0;
        Ok(true)
    }

    fn has_more(&self) -> io::Result<bool> {
        self.files
            .front()
            .map_or(Ok(false), |file| Ok(file.size()? > self.offset))
    }
}
