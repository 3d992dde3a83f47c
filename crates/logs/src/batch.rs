use gantry_log_format::StreamKind;

use crate::files::FileId;

/// One line of a log, borrowed from its [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Which of the container's streams it was written to.
    pub stream: StreamKind,
    /// When, as Unix time in nanoseconds.
    pub time: u64,
    /// The bytes, with the newline if there was one.
    pub line: &'a [u8],
    /// The line's attributes as the API's `details` show them: `name=value,...`, both escaped as in
    /// the query of a URL. Empty unless they were asked for.
    pub details: &'a [u8],
}

impl Entry<'_> {
    /// Whether the line goes on in the next entry of the same stream.
    pub fn partial(&self) -> bool {
        self.line.last() != Some(&b'\n')
    }
}

/// How far a log has been read; it holds whatever becomes of the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The file.
    pub file: FileId,
    /// Bytes of it, uncompressed.
    pub offset: u64,
}

/// Some consecutive lines of a log, at least one.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) details: Vec<u8>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) position: Position,
}

/// Where a line ends in its batch, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) end: usize,
    pub(crate) details_end: usize,
    pub(crate) time: u64,
    pub(crate) stream: StreamKind,
}

impl Batch {
    /// The lines in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let (mut start, mut details_start) = (0, 0);
        self.marks.iter().map(move |mark| {
            let line = &self.bytes[start..mark.end];
            let details = &self.details[details_start..mark.details_end];
            (start, details_start) = (mark.end, mark.details_end);
            Entry {
                stream: mark.stream,
                time: mark.time,
                line,
                details,
            }
        })
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Bytes of all lines.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// What to read on from once the batch is done with.
    pub fn position(&self) -> Position {
        self.position
    }
}
