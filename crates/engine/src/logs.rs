//! `logs`: a container's output as the API sends it.

use bytes::{BufMut, Bytes, BytesMut};
use gantry_log_drivers::Driver;
use gantry_logs::{Batch, Entry, Follow, Fraction, LogReader, Options, StreamKind, format_time};
use tokio::sync::watch;

use crate::Error;
use crate::containers::Containers;
use crate::logging::log_of;

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
    /// The attributes in front of every line.
    pub details: bool,
    /// Never in frames, as from a terminal.
    pub raw: bool,
}

/// A container's output in pieces, in Docker's frames unless it has a terminal.
pub struct LogChunks {
    reader: LogReader,
    options: LogOptions,
    framed: bool,
    /// Whether standard output and standard error are within a line.
    within: [bool; 2],
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
        let tty = container.record().config.tty;
        let log = log_of(&container)?;
        if log.driver == Driver::None || !log.files.readable {
            return Err(Error::NoLogs);
        }
        let follow = if options.follow {
            Follow::Until(end_of(&container))
        } else {
            Follow::No
        };
        let wanted = Options {
            format: log.format(),
            stdout: options.stdout,
            stderr: options.stderr,
            details: options.details,
            after: None,
            tail: options.tail,
            since: options.since,
            until: options.until,
        };
        if let Some(folder) = log.path.parent().filter(|_| options.follow) {
            // To be watched before the container's first start, too.
            std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        let reader = gantry_logs::open(&log.path, wanted, follow)
            .await
            .map_err(|e| Error::Internal(e.to_string()))?;
        let chunks = LogChunks {
            reader,
            framed: !tty && !options.raw,
            options,
            within: [false; 2],
        };
        Ok((chunks, tty))
    }
}

/// Becomes true when the container does not run.
pub(crate) fn end_of(container: &crate::containers::Container) -> watch::Receiver<bool> {
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

    fn render(&mut self, batch: &Batch) -> Bytes {
        let frames = if self.framed { batch.len() * 8 } else { 0 };
        let mut chunk = BytesMut::with_capacity(batch.size() + frames);
        let mut head = Vec::new();
        for entry in batch.iter() {
            head.clear();
            self.push_head(&mut head, &entry);
            let length = head.len() + entry.line.len();
            if self.framed {
                chunk.put_u32(frame_kind(entry.stream) << 24);
                chunk.put_u32(length as u32);
            }
            chunk.extend_from_slice(&head);
            chunk.extend_from_slice(entry.line);
        }
        chunk.freeze()
    }

    /// What stands in front of a line; pieces that go on with a line have nothing there.
    fn push_head(&mut self, head: &mut Vec<u8>, entry: &Entry<'_>) {
        let within = &mut self.within[entry.stream as usize];
        if std::mem::replace(within, entry.partial()) {
            return;
        }
        if self.options.timestamps {
            format_time(head, entry.time, Fraction::Nine);
            head.push(b' ');
        }
        if self.options.details {
            head.extend_from_slice(entry.details);
            head.push(b' ');
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
