use std::path::Path;

use futures_util::Stream;
use tokio::sync::watch;

use crate::{Batch, Error};

/// Which lines to read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only this many lines at the end (before `since` and `until` are looked at, as Docker does).
    pub tail: Option<u64>,
    /// Only lines of this time and later, Unix time in nanoseconds.
    pub since: Option<u64>,
    /// Only lines up to this time, Unix time in nanoseconds.
    pub until: Option<u64>,
}

/// Whether to go on when the end of the log is reached.
#[derive(Debug, Clone)]
pub enum Follow {
    /// Read what is there.
    No,
    /// Wait for more until the value is `true` (the container has ended and its monitor has
    /// finished the log) or its sender is gone.
    Until(watch::Receiver<bool>),
}

/// Reads a log from its oldest wanted line on.
#[derive(Debug)]
pub struct LogReader {}

/// Opens the log whose current file is `path`. A log that does not exist (yet) is empty.
pub async fn open(path: &Path, options: Options, follow: Follow) -> Result<LogReader, Error> {
    let _ = (path, options, follow);
    Ok(LogReader {})
}

impl LogReader {
    /// The next lines; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Batch>, Error> {
        Ok(None)
    }

    /// The batches as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Batch, Error>> + Send {
        futures_util::stream::try_unfold(self, |mut reader| async move {
            Ok(reader.next().await?.map(|batch| (batch, reader)))
        })
    }
}
