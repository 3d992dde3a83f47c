//! Compression, told by magic.

use std::io::{self, BufReader, Chain, Cursor, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

/// Bytes that are read at once from what is below a decoder.
const INPUT_BUFFER: usize = 256 * 1024;
/// KiB of memory for an xz stream, which says itself how much it needs: `xz -9` takes 65 MiB.
const XZ_MEMORY: u32 = 128 * 1024;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// Julian Seward's.
    Bzip2,
    /// LZMA2 in the .xz format.
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
    /// Bzip2, any number of streams.
    Bzip2(Box<MultiBzDecoder<Buffered<R>>>),
    /// Xz, any number of streams.
    Xz(Box<XzReader<Buffered<R>>>),
}

/// Looks at the first bytes of a stream and makes it plain.
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
        Compression::Bzip2 => Ok(Decoder::Bzip2(Box::new(MultiBzDecoder::new(source)))),
        Compression::Xz => {
            let decoder = XzReader::new_mem_limit(source, true, XZ_MEMORY);
            Ok(Decoder::Xz(Box::new(decoder)))
        }
    }
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
            Self::Bzip2(_) => Compression::Bzip2,
            Self::Xz(_) => Compression::Xz,
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buf),
            Self::Gzip(decoder) => decoder.read(buf),
            Self::Zstd(decoder) => decoder.read(buf),
            Self::Bzip2(decoder) => decoder.read(buf),
            Self::Xz(decoder) => decoder.read(buf),
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

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
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
        assert_eq!(all(&bzip2(&plain)).unwrap(), plain);
        assert_eq!(all(&xz(&plain)).unwrap(), plain);
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
        for compress in [bzip2, xz] {
            let two = [compress(b"one "), compress(b"two")].concat();
            assert_eq!(all(&two).unwrap(), b"one two");
        }
    }

    #[test]
    fn damage_is_an_error() {
        let whole = gzip(&vec![7; 10_000]);
        assert!(all(&whole[..whole.len() - 9]).is_err());
        assert!(all(&[&whole[..], b"trailing garbage"].concat()).is_err());
        let whole = zstd::encode_all(&vec![7; 10_000][..], 1).unwrap();
        assert!(all(&whole[..whole.len() - 2]).is_err());
        for compress in [bzip2, xz] {
            let whole = compress(&vec![7; 10_000]);
            assert!(all(&whole[..whole.len() - 9]).is_err());
            assert!(all(&[&whole[..], b"trailing garbage"].concat()).is_err());
        }
    }

    #[test]
    fn a_stream_that_wants_much_memory_is_refused() {
        // The size that the header tells is what counts: 1 GiB, said by the byte 0x24.
        let mut bytes = xz(b"small");
        let at = bytes.iter().position(|byte| *byte == 0x21).unwrap();
        bytes[at + 2] = 0x24;
        let sum = crc32(&bytes[12..20]);
        bytes[20..24].copy_from_slice(&sum.to_le_bytes());
        let error = all(&bytes).unwrap_err();
        assert!(error.to_string().contains("memory"), "{error}");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    }
}
