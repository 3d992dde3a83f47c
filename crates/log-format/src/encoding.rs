//! The choice between the formats.

use crate::local::{self, RecordEncoder};
use crate::{Encoder, StreamKind};

/// How a log file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines of JSON, as Docker's json-file driver; bytes that are no UTF-8 are replaced.
    #[default]
    Json,
    /// Records, as Docker's local driver; every byte is kept.
    Local,
}

impl Format {
    /// Bytes of the whole entries that `bytes` begins with, and how many those are.
    pub fn whole(self, bytes: &[u8]) -> (usize, u64) {
        match self {
            Self::Json => {
                let end = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
                let count = memchr::memchr_iter(b'\n', bytes).count();
                (end, count as u64)
            }
            Self::Local => local::whole(bytes),
        }
    }
}

/// Writes entries of one format, all with the same attributes.
#[derive(Debug)]
pub enum Encoding {
    /// [`Format::Json`]
    Json(Encoder),
    /// [`Format::Local`]
    Local(RecordEncoder),
}

impl Default for Encoding {
    fn default() -> Self {
        Self::Json(Encoder::default())
    }
}

impl Encoding {
    /// An encoding of that format with these attributes.
    pub fn new(format: Format, attrs: &[(String, String)]) -> Self {
        match format {
            Format::Json => Self::Json(Encoder::with_attrs(attrs)),
            Format::Local => Self::Local(RecordEncoder::with_attrs(attrs)),
        }
    }

    /// The format.
    pub fn format(&self) -> Format {
        match self {
            Self::Json(_) => Format::Json,
            Self::Local(_) => Format::Local,
        }
    }

    /// Appends the entry of one line of output with its newline, or of a piece of one.
    pub fn encode(&mut self, out: &mut Vec<u8>, stream: StreamKind, time: u64, log: &[u8]) {
        match self {
            Self::Json(encoder) => encoder.encode(out, stream, time, log),
            Self::Local(encoder) => encoder.encode(out, stream, time, log),
        }
    }
}
