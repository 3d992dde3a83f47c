//! Copying between the hijacked socket and our standard streams.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use gantry_client::{Frame, Hijacked, StreamCopy};
use gantry_units::DetachKeys;
use tokio::sync::mpsc;

use super::detach::{Typed, Watch};

/// A read takes at most this much, as the monitor writes it.
const PIECE: usize = 64 << 10;

/// What is connected with what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wiring {
    /// Our standard input goes to the container.
    pub(crate) input: bool,
    /// The container has a terminal: output is not framed.
    pub(crate) tty: bool,
    /// Watch for these keys in the input.
    pub(crate) detach_keys: Option<DetachKeys>,
}

/// How an attachment ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The container's output has ended.
    Output,
    /// The user typed the detach keys.
    Detached,
    /// Copying failed.
    Failed(io::Error),
}

/// A running attachment.
pub(crate) struct Attached {
    ended: mpsc::Receiver<Ended>,
}

impl Attached {
    /// Starts copying.
    pub(crate) fn start(hijacked: Hijacked, wiring: Wiring) -> io::Result<Self> {
        let (sender, ended) = mpsc::channel(2);
        let framed = hijacked.is_multiplexed().unwrap_or(!wiring.tty);
        let writer = hijacked.socket.try_clone()?;
        let leftover = hijacked.leftover;
        let from = hijacked.socket;
        let output_sender = sender.clone();
        std::thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                let result = copy_output(from, &leftover, framed);
                let _ = output_sender
                    .blocking_send(result.map_or_else(Ended::Failed, |()| Ended::Output));
            })?;
        if !wiring.input {
            // Nothing will come from us.
            let _ = writer.shutdown(Shutdown::Write);
            return Ok(Self { ended });
        }
        // This thread may sit in a read for ever; the end of the program ends it.
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                if copy_input(writer, wiring.detach_keys.as_ref()) {
                    let _ = sender.blocking_send(Ended::Detached);
                }
            })?;
        Ok(Self { ended })
    }

    /// Waits until output has ended or the user has left.
    pub(crate) async fn ended(&mut self) -> Ended {
        self.ended.recv().await.unwrap_or(Ended::Output)
    }
}

fn copy_output(mut socket: UnixStream, leftover: &[u8], framed: bool) -> io::Result<()> {
    let mut sink = Sink::new(framed)?;
    sink.take(leftover)?;
    let mut buffer = vec![0; PIECE];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => sink.take(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The daemon's end of a container that was removed.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Our two outputs, without the standard library's line buffer in between.
struct Sink {
    output: File,
    error: File,
    frames: Option<StreamCopy>,
}

impl Sink {
    fn new(framed: bool) -> io::Result<Self> {
        Ok(Self {
            output: File::from(io::stdout().as_fd().try_clone_to_owned()?),
            error: File::from(io::stderr().as_fd().try_clone_to_owned()?),
            frames: framed.then(StreamCopy::default),
        })
    }

    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.frames {
            None => self.output.write_all(piece),
            Some(frames) => {
                let (mut output, mut error) = (&self.output, &self.error);
                frames.feed(piece, |frame| write_frame(frame, &mut output, &mut error))
            }
        }
    }
}

/// Writes a frame to the output that it is for.
pub(crate) fn write_frame(
    frame: Frame<'_>,
    output: &mut impl io::Write,
    error: &mut impl io::Write,
) -> io::Result<()> {
    match frame {
        Frame::Output(data) => output.write_all(data),
        Frame::Error(data) => error.write_all(data),
        Frame::Daemon(data) => Err(io::Error::other(format!(
            "error from daemon in stream: {}",
            String::from_utf8_lossy(data)
        ))),
    }
}

/// Copies standard input until its end, and half-closes the socket then. Says whether the detach
/// keys were typed.
fn copy_input(mut socket: UnixStream, keys: Option<&DetachKeys>) -> bool {
    let mut watch = keys.map(Watch::new);
    let mut buffer = vec![0; PIECE];
    loop {
        let count = match rustix::io::read(io::stdin(), &mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => break,
        };
        let written = match watch.as_mut().map(|watch| watch.feed(&buffer[..count])) {
            None => socket.write_all(&buffer[..count]),
            Some(Typed::Pass(bytes)) => socket.write_all(&bytes),
            Some(Typed::Detach(bytes)) => {
                let _ = socket.write_all(&bytes);
                return true;
            }
        };
        if written.is_err() {
            // The container does not read any more; its output goes on.
            return false;
        }
    }
    let _ = socket.shutdown(Shutdown::Write);
    false
}
