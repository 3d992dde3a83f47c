//! Bodies of requests that are made while they travel.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write, stdin};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Bytes of one piece.
const PIECE: usize = 256 << 10;
/// Pieces that may wait for a slow engine.
const WAITING: usize = 4;

/// The file of an option, or standard input without one; a terminal has no archive, and `terminal`
/// says so.
pub(crate) fn input(path: &str, terminal: &str) -> Result<Box<dyn Read + Send>, Failure> {
    match path {
        "" if stdin().is_terminal() => Err(Failure::new(terminal)),
        "" => Ok(Box::new(stdin())),
        path => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(Failure::new(crate::create::open_error(path, &error))),
        },
    }
}

/// What an input gives, read on a thread of its own, so that a slow one holds up nothing else.
pub(crate) fn chunks(
    mut input: Box<dyn Read + Send>,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
    made("upload", move |upload| {
        let mut buffer = vec![0; PIECE];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return Ok(()),
                // What has come goes on its way: who writes to us may wait for an answer to it.
                Ok(count) => upload.send(Bytes::copy_from_slice(&buffer[..count]))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    })
}

/// What `make` writes, on a thread of its own with this name. Its error ends the stream.
pub(crate) fn made(
    name: &str,
    make: impl FnOnce(&mut Upload) -> io::Result<()> + Send + 'static,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
    let (sender, receiver) = mpsc::channel(WAITING);
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let mut upload = Upload {
                sender,
                piece: Vec::new(),
            };
            if let Err(error) = make(&mut upload).and_then(|()| upload.flush()) {
                // Nobody waits for it if the engine gave up first.
                let _ = upload.sender.blocking_send(Err(error));
            }
        })?;
    Ok(unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    }))
}

/// Gathers what is written into pieces and hands them on. A piece that is not full goes with
/// [`Write::flush`], or at the end.
pub(crate) struct Upload {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Upload {
    fn send(&self, piece: Bytes) -> io::Result<()> {
        self.sender
            .blocking_send(Ok(piece))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.capacity() == 0 {
            self.piece.reserve_exact(PIECE);
        }
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        self.send(piece.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;

    #[tokio::test]
    async fn what_is_written_arrives_in_pieces() {
        let stream = made("test", |upload| {
            for _ in 0..3 {
                upload.write_all(&vec![7; PIECE - 1])?;
            }
            Ok(())
        })
        .unwrap();
        let sizes: Vec<usize> = stream.map(|piece| piece.unwrap().len()).collect().await;
        assert_eq!(sizes, [PIECE, PIECE, PIECE - 3]);
    }

    #[tokio::test]
    async fn an_error_comes_last() {
        let stream = made("test", |upload| {
            upload.write_all(b"text")?;
            upload.flush()?;
            Err(io::Error::other("the disk is gone"))
        })
        .unwrap();
        let told: Vec<String> = stream
            .map(|piece| piece.map_or_else(|e| e.to_string(), |p| format!("{p:?}")))
            .collect()
            .await;
        assert_eq!(told, ["b\"text\"", "the disk is gone"]);
    }
}
