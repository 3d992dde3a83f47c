//! Docker's framing of two output streams in one.
//!
//! Each frame has a head of 8 bytes: the stream (0 or 1 standard output, 2 standard error, 3 an
//! error of the daemon), three zeros, and the length of what follows as a big-endian number.

/// A piece of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Standard output.
    Output(&'a [u8]),
    /// Standard error.
    Error(&'a [u8]),
    /// The daemon cannot go on.
    Daemon(&'a [u8]),
}

/// Takes a stream of frames apart, however it is cut into pieces. It never holds more than a head.
#[derive(Debug, Default)]
pub struct StreamCopy {
    head: [u8; 8],
    have: usize,
    left: u32,
}

impl StreamCopy {
    /// Hands the next piece of the stream, frame by frame, to `sink`. An unknown stream number is an
    /// error: the stream is not framed.
    pub fn feed<E: From<std::io::Error>>(
        &mut self,
        mut piece: &[u8],
        mut sink: impl FnMut(Frame<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !piece.is_empty() {
            if self.left == 0 {
                let take = piece.len().min(8 - self.have);
                self.head[self.have..self.have + take].copy_from_slice(&piece[..take]);
                self.have += take;
                piece = &piece[take..];
                if self.have < 8 {
                    return Ok(());
                }
                let [_, _, _, _, a, b, c, d] = self.head;
                self.left = u32::from_be_bytes([a, b, c, d]);
                if self.left == 0 {
                    self.have = 0;
                }
                continue;
            }
            let take = piece.len().min(self.left as usize);
            let (data, rest) = piece.split_at(take);
            sink(match self.head[0] {
                0 | 1 => Frame::Output(data),
                2 => Frame::Error(data),
                3 => Frame::Daemon(data),
                other => {
                    return Err(std::io::Error::other(format!(
                        "unrecognized input header: {other}"
                    ))
                    .into());
                }
            })?;
            self.left -= take as u32;
            if self.left == 0 {
                self.have = 0;
            }
            piece = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![stream, 0, 0, 0];
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    #[test]
    fn frames_survive_any_cut() {
        let stream: Vec<u8> = [
            frame(1, "out"),
            frame(2, "problem"),
            frame(1, ""),
            frame(1, "more"),
        ]
        .concat();
        for size in 1..=stream.len() {
            let (mut output, mut error) = (Vec::new(), Vec::new());
            let mut copy = StreamCopy::default();
            for piece in stream.chunks(size) {
                copy.feed(piece, |frame| {
                    match frame {
                        Frame::Output(data) => output.extend_from_slice(data),
                        Frame::Error(data) => error.extend_from_slice(data),
                        Frame::Daemon(_) => unreachable!(),
                    }
                    Ok::<(), std::io::Error>(())
                })
                .unwrap();
            }
            assert_eq!(
                (output, error),
                (b"outmore".to_vec(), b"problem".to_vec()),
                "cut by {size}"
            );
        }
    }

    #[test]
    fn a_stream_without_frames_is_refused() {
        let result = StreamCopy::default().feed(b"plain text", |_| Ok::<(), std::io::Error>(()));
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("unrecognized input header")
        );
    }
}
