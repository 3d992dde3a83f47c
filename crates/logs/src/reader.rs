//! A log as a sequence of batches, for the async side.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::Stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use gantry_log_format::Format;

use crate::cursor::Cursor;
use crate::watch::Watch;
use crate::{Batch, Error, Position};

/// Which lines to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the files are written.
    pub format: Format,
    /// Lines of standard output.
    pub stdout: bool,
    /// Lines of standard error.
    pub stderr: bool,
    /// With their attributes.
    pub details: bool,
    /// Only lines behind this place; `tail` is of no meaning then.
    pub after: Option<Position>,
    /// Only this many lines at the end (counted before `since` and `until` are looked at, as
    /// Docker does).
    pub tail: Option<u64>,
    /// Only lines of this time and later, Unix time in nanoseconds.
    pub since: Option<u64>,
    /// Only lines up to this time, Unix time in nanoseconds.
    pub until: Option<u64>,
}

impl Default for Options {
    /// All lines of a JSON log.
    fn default() -> Self {
        Self {
            format: Format::Json,
            stdout: true,
            stderr: true,
            details: false,
            after: None,
            tail: None,
            since: None,
            until: None,
        }
    }
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
pub struct LogReader {
    path: PathBuf,
    until: Option<u64>,
    follow: Option<(Watch, watch::Receiver<bool>)>,
    state: State,
}

/// The files are read on blocking threads, one batch ahead. The task is kept here, so that a
/// caller may stop waiting for a batch and ask again.
#[derive(Debug)]
enum State {
    Reading {
        task: JoinHandle<io::Result<(Cursor, Batch)>>,
        /// Whether the log was complete before the reading began: then its end is the end.
        complete: bool,
    },
    /// All that was there is read.
    Waiting(Cursor),
    Ended,
}

/// Opens the log whose current file is `path`. A log that does not exist (yet) is empty.
pub async fn open(path: &Path, options: Options, follow: Follow) -> Result<LogReader, Error> {
    // Watched before it is read: nothing that comes between is missed.
    let follow = match follow {
        Follow::No => None,
        Follow::Until(ended) => {
            let watch = Watch::new(path).map_err(|source| Error::Watch {
                path: path.to_owned(),
                source,
            })?;
            Some((watch, ended))
        }
    };
    let mut reader = LogReader {
        path: path.to_owned(),
        until: options.until,
        follow,
        state: State::Ended,
    };
    let file = reader.path.clone();
    let follow = reader.follow.is_some();
    reader.read(move || Cursor::open(&file, &options, follow));
    Ok(reader)
}

impl LogReader {
    /// The next lines; `None` at the end. Can be cancelled without losing lines.
    pub async fn next(&mut self) -> Result<Option<Batch>, Error> {
        loop {
            match &mut self.state {
                State::Ended => return Ok(None),
                State::Waiting(_) => {
                    self.wait_for_more().await?;
                    self.read_on();
                }
                State::Reading { task, complete } => {
                    let (read, complete) = (task.await, *complete);
                    self.state = State::Ended;
                    let read = read.map_err(io::Error::other).and_then(|read| read);
                    let (cursor, batch) = read.map_err(|source| Error::Read {
                        path: self.path.clone(),
                        source,
                    })?;
                    if !batch.is_empty() {
                        self.state = State::Waiting(cursor);
                        self.read_on();
                        return Ok(Some(batch));
                    }
                    if !complete && !cursor.is_past_until() {
                        self.state = State::Waiting(cursor);
                    }
                }
            }
        }
    }

    /// The batches as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Batch, Error>> + Send {
        futures_util::stream::try_unfold(self, |mut reader| async move {
            Ok(reader.next().await?.map(|batch| (batch, reader)))
        })
    }

    fn read_on(&mut self) {
        if let State::Waiting(cursor) = std::mem::replace(&mut self.state, State::Ended) {
            self.read(move || Ok(cursor));
        }
    }

    fn read(&mut self, cursor: impl FnOnce() -> io::Result<Cursor> + Send + 'static) {
        let complete = self.is_complete();
        let task = tokio::task::spawn_blocking(move || {
            let mut cursor = cursor()?;
            let batch = cursor.next()?;
            Ok((cursor, batch))
        });
        self.state = State::Reading { task, complete };
    }

    /// Whether nothing will be written any more that is wanted.
    fn is_complete(&self) -> bool {
        let Some((_, ended)) = &self.follow else {
            return true;
        };
        let ended = *ended.borrow() || ended.has_changed().is_err();
        ended || self.until.is_some_and(|until| until < unix_nanos())
    }

    async fn wait_for_more(&mut self) -> Result<(), Error> {
        if self.is_complete() {
            return Ok(());
        }
        let Some((watch, ended)) = &mut self.follow else {
            return Ok(());
        };
        let time_is_up = async {
            match self.until {
                Some(until) => tokio::time::sleep(time_left(until)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = watch.changed() => {
                changed.map_err(|source| Error::Watch { path: self.path.clone(), source })
            }
            // Its sender may be gone: that is an end, too.
            _ = ended.changed() => Ok(()),
            () = time_is_up => Ok(()),
        }
    }
}

fn unix_nanos() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as u64)
}

/// Until just after that time.
fn time_left(until: u64) -> Duration {
    Duration::from_nanos(until.saturating_sub(unix_nanos())) + Duration::from_millis(1)
}
