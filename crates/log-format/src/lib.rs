//! The format of log files, for writers and readers.
#![forbid(unsafe_code)]

/// One of a container's output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// Standard output (and all output of a terminal).
    Stdout,
    /// Standard error.
    Stderr,
}
