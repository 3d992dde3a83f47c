//! Reading a log forwards, batch by batch.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use gantry_log_format::decode;

use crate::batch::Mark;
use crate::files::{LogFile, open_after};
use crate::seek::{Place, SLACK, read_some, since, tail};
use crate::{Batch, Options};

/// Bytes read at once. Larger than any line: 16 KiB of which each byte takes six.
const BLOCK: usize = 256 * 1024;

/// A place in a log, and which lines after it are wanted.
#[derive(Debug)]
pub(crate) struct Cursor {
    path: PathBuf,
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
}

impl Cursor {
    /// Without `follow`, reads what there is now and nothing that is written later.
    pub(crate) fn open(path: &Path, options: &Options, follow: bool) -> io::Result<Self> {
        let mut files = open_after(path, None)?;
        let end = match files.last() {
            _ if follow => None,
            Some(newest) => Some(newest.size()?),
            None => Some(0),
        };
        let mut place = Place { file: 0, offset: 0 };
        if let Some(lines) = options.tail {
            place = tail(&files, lines)?;
        } else if let Some(time) = options.since {
            place = since(&files, time)?;
        }
        files.drain(..place.file.min(files.len()));
        Ok(Self {
            path: path.to_owned(),
            files: files.into(),
            offset: place.offset,
            end,
            since: options.since.unwrap_or(0),
            until: options.until.unwrap_or(u64::MAX),
            past_until: false,
            block: Vec::new(),
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
        self.block.resize(BLOCK, 0);
        let length = BLOCK.min(usize::try_from(left).unwrap_or(BLOCK));
        let count = read_some(file, &mut self.block[..length], self.offset)?;
        if count == 0 {
            // A log of one file is begun again from its start.
            if self.end.is_none() && file.size()? < self.offset {
                self.offset = 0;
                return Ok(true);
            }
            return Ok(false);
        }
        let block = std::mem::take(&mut self.block);
        let whole = block[..count]
            .iter()
            .rposition(|c| *c == b'\n')
            .map_or(0, |at| at + 1);
        self.decode_lines(&block[..whole], batch);
        self.block = block;
        // No line is as long as a block: this is not one, and is skipped.
        let taken = if whole == 0 && count == BLOCK {
            count
        } else {
            whole
        };
        self.offset += taken as u64;
        Ok(taken > 0)
    }

    fn decode_lines(&mut self, lines: &[u8], batch: &mut Batch) {
        // Nearly what it will be; the text is shorter than its encoding.
        batch.bytes.reserve(lines.len());
        for line in lines.split_inclusive(|c| *c == b'\n') {
            let before = batch.bytes.len();
            // What is damaged says nothing; the lines around it do.
            let Ok(decoded) = decode(line, &mut batch.bytes) else {
                continue;
            };
            if decoded.time < self.since || decoded.time > self.until {
                batch.bytes.truncate(before);
                if decoded.time > self.until.saturating_add(SLACK) {
                    self.past_until = true;
                    return;
                }
                continue;
            }
            let end = batch.bytes.len();
            batch.marks.push(Mark {
                end,
                time: decoded.time,
                stream: decoded.stream,
            });
        }
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
            let later = open_after(&self.path, current)?;
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
