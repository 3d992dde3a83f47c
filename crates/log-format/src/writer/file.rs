//! One file of a log: opened again after whatever happened to it, and written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::{Format, PIECE, decode, local};

/// Bytes in which a record must have an end, or it is no record.
const LARGEST: usize = 4 * 1024 * 1024;

/// Writes all, or says how much of it the kernel took before the error.
pub(super) fn write_counted(mut file: &File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

pub(super) fn open_file(path: &Path, truncate: bool) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .read(true)
        .create(true)
        .mode(0o640)
        .open(path)?;
    if truncate {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Makes the file end with a whole entry, after a writer that was killed in the middle of one; says
/// how long the file is.
pub(super) fn mend_end(file: &File, format: Format) -> io::Result<u64> {
    match format {
        Format::Json => end_last_line(file),
        Format::Local => drop_last_piece(file),
    }
}

/// Makes sure that the next line begins a line.
fn end_last_line(mut file: &File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut last = [b'\n'];
    if size > 0 {
        file.read_exact_at(&mut last, size - 1)?;
    }
    if last == [b'\n'] {
        return Ok(size);
    }
    // On a full disk the next line is lost with the broken one; readers skip what is malformed.
    Ok(size + file.write(b"\n").unwrap_or(0) as u64)
}

/// Cuts off a record that is not whole.
fn drop_last_piece(file: &File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut end = 0;
    let mut block = vec![0; 8 * PIECE];
    while end < size {
        let count = read_some(file, &mut block, end)?;
        let (whole, _) = local::whole(&block[..count]);
        if whole > 0 {
            end += whole as u64;
        } else if let Some(at) = local::resume(&block[..count]) {
            end += at as u64;
        } else if count == block.len() && block.len() < LARGEST {
            block.resize(block.len() * 4, 0);
        } else {
            file.set_len(end)?;
            break;
        }
    }
    Ok(end)
}

/// The time of the first entry of a file; 0 without one.
pub(super) fn first_time(file: &File, format: Format) -> io::Result<u64> {
    let mut block = vec![0; 2 * PIECE];
    let count = read_some(file, &mut block, 0)?;
    let block = &block[..count];
    let mut text = Vec::new();
    let first = match format {
        Format::Json => block
            .split_inclusive(|c| *c == b'\n')
            .find_map(|line| decode(line, &mut text).ok()),
        Format::Local => match local::frame(block) {
            local::Frame::Whole(message, _) => local::decode(message, &mut text).ok(),
            _ => None,
        },
    };
    Ok(first.map_or(0, |decoded| decoded.time))
}

/// Reads until the buffer is full or the file ends.
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match file.read_at(&mut buffer[count..], offset + count as u64) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
