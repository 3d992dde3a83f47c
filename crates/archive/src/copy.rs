//! Contents of files in large pieces: a system call for each 8 KiB, as `std::io::copy` makes them,
//! is most of the cost of a large file.

use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use tar::{Builder, Header};

/// Bytes of a piece.
const PIECE: u64 = 256 << 10;
/// Bytes of a record of a tar.
const RECORD: u64 = 512;

/// Copies all that comes; `expected` is how much that probably is.
pub fn copy_large(from: &mut impl Read, to: &mut impl Write, expected: u64) -> io::Result<u64> {
    let mut buffer = vec![0; expected.clamp(RECORD, PIECE) as usize];
    let mut copied = 0;
    loop {
        let filled = fill(from, &mut buffer)?;
        to.write_all(&buffer[..filled])?;
        copied += filled as u64;
        if filled < buffer.len() {
            return Ok(copied);
        }
    }
}

/// Appends a file of this size. One that shrinks meanwhile is filled up with zeros, and of one that
/// grows no more is taken: the header has promised its size.
pub fn append_large<W: Write>(
    builder: &mut Builder<W>,
    header: &mut Header,
    path: impl AsRef<Path>,
    content: impl Read,
    size: u64,
) -> io::Result<()> {
    header.set_size(size);
    // The builder writes the header, and would copy the content in its own small pieces.
    builder.append_data(header, path, io::empty())?;
    let out = builder.get_mut();
    let copied = copy_large(&mut content.take(size), out, size)?;
    let padded = size.next_multiple_of(RECORD);
    io::copy(&mut io::repeat(0).take(padded - copied), out)?;
    Ok(())
}

/// Reads until the buffer is full or nothing comes any longer.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tar::Archive;

    fn packed(content: &[u8], size: u64) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for name in ["one", "two"] {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            append_large(&mut builder, &mut header, name, content, size).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn read(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            let size = entry.size();
            copy_large(&mut entry, &mut content, size).unwrap();
            found.push((name, content));
        }
        found
    }

    #[test]
    fn files_of_every_size_come_back() {
        for size in [
            0,
            1,
            511,
            512,
            513,
            PIECE - 1,
            PIECE,
            PIECE + 1,
            3 * PIECE + 7,
        ] {
            let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let found = read(&packed(&content, size));
            assert_eq!(found.len(), 2, "{size}");
            assert!(found.iter().all(|(_, c)| *c == content), "{size}");
        }
    }

    #[test]
    fn what_shrinks_or_grows_meanwhile_keeps_the_archive_whole() {
        let shrunk = read(&packed(b"abc", 600));
        assert_eq!(shrunk[1].1.len(), 600);
        assert!(shrunk[1].1.starts_with(b"abc\0"));
        let grown = read(&packed(b"abcdef", 3));
        assert_eq!(grown[1], ("two".to_owned(), b"abc".to_vec()));
    }

    #[test]
    fn a_guess_too_small_loses_nothing() {
        let mut copy = Vec::new();
        assert_eq!(
            copy_large(&mut &[7; 5000][..], &mut copy, 10).unwrap(),
            5000
        );
        assert_eq!(copy, [7; 5000]);
    }
}
