//! Compression, told by magic.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// Bytes that are read at once from what is below a decoder.
const INPUT_BUFFER: usize = 256 * 1024;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// Known, so that it can be refused by name.
    Bzip2,
    /// Known, so that it can be refused by name.
    Xz,
}

impl Compression {
    /// Tells the compression by the first bytes; six are enough, fewer are fine.
    pub fn detect(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A zstd stream may begin with a skippable frame (RFC 8878, section 3.1.2).
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }
}

/// The longest magic number, that of xz.
const MAGIC_MAX: u64 = 6;

/// A source whose first bytes have been looked at.
type Buffered<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// A plain stream made of a compressed one.
///
/// Reads its source to the end: what follows the last compressed frame is an error, not ignored.
pub enum Decoder<R: Read> {
    /// Nothing to do.
    Plain(Buffered<R>),
    /// Gzip, any number of members.
    Gzip(Box<MultiGzDecoder<Buffered<R>>>),
    /// Zstd, any number of frames.
    Zstd(Box<zstd::stream::read::Decoder<'static, Buffered<R>>>),
}

/// Looks at the first bytes of a stream and makes it plain.
///
/// Fails with [`io::ErrorKind::Unsupported`] for compressions that are not handled.
pub fn decode<R: Read>(mut source: R) -> io::Result<Decoder<R>> {
    let head = read_head(&mut source)?;
    let compression = Compression::detect(&head);
    let source = BufReader::with_capacity(INPUT_BUFFER, Cursor::new(head).chain(source));
    match compression {
        Compression::None => Ok(Decoder::Plain(source)),
        Compression::Gzip => Ok(Decoder::Gzip(Box::new(MultiGzDecoder::new(source)))),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(source)?;
            Ok(Decoder::Zstd(Box::new(decoder)))
        }
        Compression::Bzip2 => Err(unsupported("bzip2")),
        Compression::Xz => Err(unsupported("xz")),
    }
}

fn unsupported(name: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{name} compression is not supported; use gzip, zstd or none"),
    )
}

/// Reads the magic number; short only if the stream is.
fn read_head<R: Read>(source: &mut R) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(MAGIC_MAX as usize);
    source.by_ref().take(MAGIC_MAX).read_to_end(&mut head)?;
    Ok(head)
}

impl<R: Read> Decoder<R> {
    /// What it decodes.
    pub const fn compression(&self) -> Compression {
        match self {
            Self::Plain(_) => Compression::None,
            Self::Gzip(_) => Compression::Gzip,
            Self::Zstd(_) => Compression::Zstd,
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buf),
            Self::Gzip(decoder) => decoder.read(buf),
            Self::Zstd(decoder) => decoder.read(buf),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn all(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decode(bytes)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn every_compression_gives_the_same_bytes() {
        let plain: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(all(&plain).unwrap(), plain);
        assert_eq!(all(&gzip(&plain)).unwrap(), plain);
        assert_eq!(
            all(&zstd::encode_all(&plain[..], 1).unwrap()).unwrap(),
            plain
        );
        assert_eq!(all(&[]).unwrap(), b"");
    }

    #[test]
    fn members_follow_each_other() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(all(&two).unwrap(), b"one two");
        let two = [
            zstd::encode_all(&b"one "[..], 1).unwrap(),
            zstd::encode_all(&b"two"[..], 1).unwrap(),
        ];
        assert_eq!(all(&two.concat()).unwrap(), b"one two");
    }

    #[test]
    fn damage_is_an_error() {
        let whole = gzip(&vec![7; 10_000]);
        assert!(all(&whole[..whole.len() - 9]).is_err());
        assert!(all(&[&whole[..], b"trailing garbage"].concat()).is_err());
        let whole = zstd::encode_all(&vec![7; 10_000][..], 1).unwrap();
        assert!(all(&whole[..whole.len() - 2]).is_err());
    }

    #[test]
    fn other_compressions_are_refused_by_name() {
        let error = all(b"BZh91AY").unwrap_err();
        assert!(error.to_string().contains("bzip2"));
        assert!(
            all(&[0xfd, b'7', b'z', b'X', b'Z', 0])
                .unwrap_err()
                .to_string()
                .contains("xz")
        );
    }
}
