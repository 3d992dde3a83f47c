//! An archive that a client sends, read while the disk is busy with what came before.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;

/// Chunks that may wait for the disk; a connection's are at most some hundred KiB each.
const AHEAD: usize = 8;

/// The chunks as something to read, for a thread that may wait.
#[derive(Debug)]
pub(crate) struct Arriving {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Arriving {
    /// Begins to take chunks, which ends when this is dropped.
    pub(crate) fn begin(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let mut chunks = std::pin::pin!(chunks);
            while let Some(chunk) = chunks.next().await {
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
        });
        Self {
            chunks: receiver,
            current: Bytes::new(),
        }
    }
}

impl Read for Arriving {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let Some(chunk) = self.chunks.blocking_recv() else {
                return Ok(0);
            };
            self.current = chunk?;
        }
        let count = self.current.len().min(buf.len());
        self.current.copy_to_slice(&mut buf[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test]
    async fn all_bytes_arrive_in_order_and_an_error_after_them() {
        let chunks = [
            Ok(Bytes::from_static(b"one ")),
            Ok(Bytes::new()),
            Ok(Bytes::from_static(b"two")),
            Err(io::Error::other("broken")),
        ];
        let mut arriving = Arriving::begin(stream::iter(chunks));
        let read = tokio::task::spawn_blocking(move || {
            let mut text = [0; 7];
            arriving.read_exact(&mut text).unwrap();
            (text, arriving.read(&mut [0]).unwrap_err().to_string())
        });
        assert_eq!(read.await.unwrap(), (*b"one two", "broken".to_owned()));
    }
}
