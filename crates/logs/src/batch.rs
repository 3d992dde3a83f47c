use gantry_log_format::StreamKind;

/// One line of a log, borrowed from its [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Which of the container's streams it was written to.
    pub stream: StreamKind,
    /// When, as Unix time in nanoseconds.
    pub time: u64,
    /// The bytes, with the newline if there was one.
    pub line: &'a [u8],
}

impl Entry<'_> {
    /// Whether the line goes on in the next entry of the same stream.
    pub fn partial(&self) -> bool {
        self.line.last() != Some(&b'\n')
    }
}

/// Some consecutive lines of a log, at least one.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) marks: Vec<Mark>,
}

/// Where a line ends in its batch, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) end: usize,
    pub(crate) time: u64,
    pub(crate) stream: StreamKind,
}

impl Batch {
    /// The lines in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut start = 0;
        self.marks.iter().map(move |mark| {
            let line = &self.bytes[start..mark.end];
            start = mark.end;
            Entry {
                stream: mark.stream,
                time: mark.time,
                line,
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
}
