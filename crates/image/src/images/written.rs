//! A layer that is written while it is taken in.

use std::io::{self, BufWriter, PipeReader, PipeWriter, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gantry_reference::ImageId;

use super::{Images, NewImage};
use crate::Error;

/// Bytes that are collected before they go through the pipe.
const BUFFER: usize = 256 * 1024;
/// Bytes that the writer may be ahead.
const PIPE: usize = 1 << 20;

impl Images {
    /// As [`Images::make`], with a layer that `write` writes: it goes through a pipe, not through
    /// a file. What fails first is the error; what was not written to its end is no layer.
    pub fn make_written<E: From<Error> + Send>(
        &self,
        new: NewImage,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send,
    ) -> Result<ImageId, E> {
        let (reader, writer) = io::pipe().map_err(|e| E::from(Error::Pipe(e)))?;
        // Fewer turns between the two threads; what the kernel's limit does not allow is no loss.
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE);
        let (whole, broken) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut reader = Whole {
            reader,
            whole: &whole,
        };
        thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let pipe = Pipe {
                    writer,
                    broken: &broken,
                };
                let mut out = BufWriter::with_capacity(BUFFER, pipe);
                let written =
                    write(&mut out).and_then(|()| out.flush().map_err(|e| E::from(Error::Pipe(e))));
                // Known before the pipe's end is closed.
                whole.store(written.is_ok(), Ordering::Release);
                written
            });
            let made = self.make(new, &mut reader);
            drop(reader);
            match (made, writing.join()) {
                (Ok(made), _) => Ok(made),
                // The reader's failure follows from the writer's, unless it came first.
                (Err(_), Ok(Err(error))) if !broken.load(Ordering::Acquire) => Err(error),
                (Err(error), _) => Err(error.into()),
            }
        })
    }
}

/// The writing end; knows whether the reader has gone before the writer.
struct Pipe<'a> {
    writer: PipeWriter,
    broken: &'a AtomicBool,
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes);
        if matches!(&written, Err(e) if e.kind() == io::ErrorKind::BrokenPipe) {
            self.broken.store(true, Ordering::Release);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reading end of an archive that is no archive unless it was written to its end.
struct Whole<'a> {
    reader: PipeReader,
    whole: &'a AtomicBool,
}

impl Read for Whole<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buf)?;
        if read == 0 && !buf.is_empty() && !self.whole.load(Ordering::Acquire) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}
