//! `logs`: a container's output as the API sends it.

use std::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};
use gantry_logs::{Batch, Entry, Follow, LogReader, Options, StreamKind};
use tokio::sync::watch;

use crate::containers::Containers;
use crate::{Error, clock};

/// Which output to read, and how to write it.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Go on until the container ends.
    pub follow: bool,
    /// Nanoseconds since 1970.
    pub since: Option<u64>,
    /// Nanoseconds since 1970.
    pub until: Option<u64>,
    /// Only the last lines.
    pub tail: Option<u64>,
    /// RFC 3339 in front of every line.
    pub timestamps: bool,
}

/// A container's output in pieces, in Docker's frames unless it has a terminal.
pub struct LogChunks {
    reader: LogReader,
    options: LogOptions,
    framed: bool,
}

impl Containers {
    /// Opens a container's log; also says whether the container has a terminal (then the bytes
    /// come without frames).
    pub async fn logs(&self, id: &str, options: LogOptions) -> Result<(LogChunks, bool), Error> {
        let container = self.registry.find(id)?;
        if !options.stdout && !options.stderr {
            return Err(Error::Invalid(
                "Bad parameters: you must choose at least one stream".to_owned(),
            ));
        }
        let (tty, driver) = {
            let record = container.record();
            (
                record.config.tty,
                record.host_config.log_config.kind.clone(),
            )
        };
        if driver == "none" {
            return Err(Error::Invalid(
                "configured logging driver does not support reading".to_owned(),
            ));
        }
        let follow = if options.follow {
            Follow::Until(end_of(&container))
        } else {
            Follow::No
        };
        let wanted = Options {
            tail: options.tail,
            since: options.since,
            until: options.until,
        };
        let reader = gantry_logs::open(&container.log_path(), wanted, follow)
            .await
            .map_err(|e| Error::Internal(e.to_string()))?;
        Ok((
            LogChunks {
                reader,
                options,
                framed: !tty,
            },
            tty,
        ))
    }
}

/// Becomes true when the container does not run.
fn end_of(container: &crate::containers::Container) -> watch::Receiver<bool> {
    let mut progress = container.progress();
    let (sender, receiver) = watch::channel(!progress.borrow_and_update().live);
    tokio::spawn(async move {
        let _ = progress.wait_for(|p| !p.live).await;
        let _ = sender.send(true);
    });
    receiver
}

impl LogChunks {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self
                .reader
                .next()
                .await
                .map_err(|e| Error::Internal(e.to_string()))?
            {
                None => return Ok(None),
                Some(batch) => {
                    let chunk = self.render(&batch);
                    if !chunk.is_empty() {
                        return Ok(Some(chunk));
                    }
                }
            }
        }
    }

    fn render(&self, batch: &Batch) -> Bytes {
        let mut chunk = BytesMut::with_capacity(batch.len() * 64);
        let mut stamp = String::new();
        for entry in batch.iter().filter(|entry| self.wants(entry)) {
            stamp.clear();
            if self.options.timestamps {
                let _ = write!(stamp, "{} ", clock::rfc3339_padded(entry.time as i64));
            }
            let length = stamp.len() + entry.line.len();
            if self.framed {
                chunk.put_u32(frame_kind(entry.stream) << 24);
                chunk.put_u32(length as u32);
            }
            chunk.extend_from_slice(stamp.as_bytes());
            chunk.extend_from_slice(entry.line);
        }
        chunk.freeze()
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        match entry.stream {
            StreamKind::Stdout => self.options.stdout,
            StreamKind::Stderr => self.options.stderr,
        }
    }
}

/// Docker's 8-byte header starts with the stream's number and three zero bytes.
fn frame_kind(stream: StreamKind) -> u32 {
    match stream {
        StreamKind::Stdout => 1,
        StreamKind::Stderr => 2,
    }
}
