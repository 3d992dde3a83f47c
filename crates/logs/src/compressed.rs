//! Rotated files that were compressed so that any place in them can be read.
//!
//! Such a file is an ordinary gzip file (RFC 1952) of several members, each with some 256 KiB of
//! the log. A member's header says in an extra field how long the member is and how much it holds,
//! so that the file's members are found without inflating them; the field of the first one also
//! says which file it was.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};

use crate::files::FileId;

/// Bytes of the log in a member.
pub(crate) const MEMBER: usize = 256 * 1024;
/// The most that a member may claim to hold.
const LARGEST: u32 = 16 * 1024 * 1024;
/// The extra field's name and length, then the member's length, its content's, inode, first time.
const FIELD: usize = 4 + 4 + 4 + 8 + 8;
/// Fixed header, length of the extra fields, our field.
const HEADER: usize = 10 + 2 + FIELD;
const NAME: [u8; 2] = *b"GL";

/// One member of a file.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// Where it is in the file, and how long.
    offset: u64,
    length: u32,
    /// Where its content is in the log, and how long.
    begin: u64,
    size: u32,
}

/// An open compressed file.
#[derive(Debug)]
pub(crate) struct Compressed {
    file: File,
    id: FileId,
    members: Vec<Member>,
    /// The member that was read last.
    inflated: Mutex<Option<(usize, Vec<u8>)>>,
}

impl Compressed {
    pub(crate) fn open(file: File) -> io::Result<Self> {
        let end = file.metadata()?.len();
        let (mut members, mut id) = (Vec::new(), FileId::default());
        let (mut offset, mut begin) = (0, 0);
        while offset < end {
            let mut header = [0; HEADER];
            file.read_exact_at(&mut header, offset)?;
            let (length, size, file_id) = parse(&header).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "not one of our compressed logs")
            })?;
            if members.is_empty() {
                id = file_id;
            }
            members.push(Member {
                offset,
                length,
                begin,
                size,
            });
            offset += u64::from(length);
            begin += u64::from(size);
        }
        Ok(Self {
            file,
            id,
            members,
            inflated: Mutex::default(),
        })
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    pub(crate) fn size(&self) -> u64 {
        self.members
            .last()
            .map_or(0, |last| last.begin + u64::from(last.size))
    }

    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let index = self.members.partition_point(|m| m.begin <= offset);
        let Some(index) = index.checked_sub(1).filter(|_| offset < self.size()) else {
            return Ok(0);
        };
        let mut inflated = self
            .inflated
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if inflated.as_ref().is_none_or(|(held, _)| *held != index) {
            *inflated = Some((index, self.inflate(index)?));
        }
        let content = inflated.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let from = (offset - self.members[index].begin) as usize;
        let rest = content.get(from..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn inflate(&self, index: usize) -> io::Result<Vec<u8>> {
        let member = self.members[index];
        let mut bytes = vec![0; member.length as usize];
        self.file.read_exact_at(&mut bytes, member.offset)?;
        let mut content = Vec::with_capacity(member.size as usize);
        MultiGzDecoder::new(&bytes[..])
            .take(u64::from(member.size))
            .read_to_end(&mut content)?;
        Ok(content)
    }
}

/// A member's length, its content's, and which file it is.
fn parse(header: &[u8; HEADER]) -> Option<(u32, u32, FileId)> {
    let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i]));
    let large = |at: usize| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
    let ours = header[..4] == [0x1F, 0x8B, 8, 4]
        && header[10..16] == [FIELD as u8, 0, NAME[0], NAME[1], (FIELD - 4) as u8, 0];
    let (length, size) = (number(16), number(20));
    let id = FileId {
        inode: large(24),
        first: large(32),
    };
    (ours && length as usize > HEADER && (1..=LARGEST).contains(&size))
        .then_some((length, size, id))
}

/// Compresses some of a log as one member.
pub(crate) fn member(content: &[u8], id: FileId) -> io::Result<Vec<u8>> {
    let mut field = NAME.to_vec();
    field.extend_from_slice(&[(FIELD - 4) as u8, 0]);
    field.extend_from_slice(&[0; 4]);
    field.extend_from_slice(&(content.len() as u32).to_le_bytes());
    field.extend_from_slice(&id.inode.to_le_bytes());
    field.extend_from_slice(&id.first.to_le_bytes());
    let mut encoder = GzBuilder::new()
        .extra(field)
        .write(Vec::new(), Compression::fast());
    encoder.write_all(content)?;
    let mut bytes = encoder.finish()?;
    let length = (bytes.len() as u32).to_le_bytes();
    bytes[16..20].copy_from_slice(&length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: FileId = FileId {
        inode: 0x1234_5678_9ABC,
        first: u64::MAX - 1,
    };

    fn file(parts: &[&[u8]]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        for part in parts {
            file.write_all(&member(part, ID).unwrap()).unwrap();
        }
        file
    }

    #[test]
    fn any_place_can_be_read() {
        let compressed = Compressed::open(file(&[b"hello ", b"world", b"!"])).unwrap();
        assert_eq!((compressed.id(), compressed.size()), (ID, 12));
        for (offset, expected) in [(0, "hello "), (3, "lo "), (6, "world"), (11, "!"), (12, "")] {
            let mut buffer = [0; 64];
            let count = compressed.read_at(&mut buffer, offset).unwrap();
            assert_eq!(&buffer[..count], expected.as_bytes());
        }
    }

    #[test]
    fn it_is_a_gzip_file_for_everybody() {
        let mut bytes = member(b"hello ", ID).unwrap();
        bytes.extend(member(b"world", ID).unwrap());
        let mut text = String::new();
        MultiGzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "hello world");
    }

    #[test]
    fn foreign_and_damaged_files_are_refused() {
        let mut foreign = tempfile::tempfile().unwrap();
        foreign.write_all(&[7; 200]).unwrap();
        assert!(Compressed::open(foreign).is_err());
        let mut cut = member(b"hello", ID).unwrap();
        cut.truncate(HEADER - 1);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&cut).unwrap();
        assert!(Compressed::open(file).is_err());
    }
}
