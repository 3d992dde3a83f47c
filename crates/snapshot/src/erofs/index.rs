//! Writes the EROFS image that indexes a tar.
//!
//! The image holds directories, inodes, attributes and symbolic links; a regular file's inode
//! points at its content in the tar, which the kernel is given as a second device. Same idea as
//! `mkfs.erofs --tar=i`. In order: superblock and device table (block 2), inodes, then the blocks
//! of larger directories, long symbolic links and copied chunks.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use super::chunks::{Chunks, Source};
use super::format::{
    BLOCK, Layout, NULL_BLOCK, RawInode, TAR_DEVICE, chunk_format, encode_chunk, encode_device,
};
use super::plan::{Plan, SCATTERED, too_big, unstorable, xattrs_of};
use crate::tar::{ArchiveError, Data};
use crate::tree::{Content, InodeId, Tree};

/// Why no index could be written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The layer holds something that EROFS cannot.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Writing the image or reading the tar failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The tar's bytes, for what must be copied out of it.
pub trait TarContent {
    /// Fills `buffer` from `offset` on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl TarContent for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl TarContent for &[u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start
            .checked_add(buffer.len())
            .and_then(|end| self.get(start..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Writes the index of `tree`, whose content lies in `tar` (`tar_size` bytes), to `out`.
///
/// `uuid` becomes the volume's, by which a mount of it can be recognised.
pub fn write_index(
    tree: &Tree,
    tar: &dyn TarContent,
    tar_size: u64,
    uuid: [u8; 16],
    out: &mut dyn Write,
) -> Result<(), IndexError> {
    let plan = Plan::new(tree)?;
    let tar_blocks = u32::try_from(tar_size.div_ceil(BLOCK)).map_err(|_| too_big())?;
    let mut out = Output { out, position: 0 };
    out.pad_to(super::format::SUPERBLOCK_AT)?;
    out.write(&plan.superblock(uuid, tar_blocks).encode())?;
    for id in &plan.order {
        plan.write_inode(tree, *id, &mut out)?;
    }
    out.pad_to(plan.data_start)?;
    for id in &plan.order {
        plan.write_data(tree, tar, *id, &mut out)?;
    }
    out.pad_to(plan.end)?;
    Ok(())
}
/// A writer that knows its position.
struct Output<'a> {
    out: &'a mut dyn Write,
    position: u64,
}

impl Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn pad_to(&mut self, position: u64) -> io::Result<()> {
        debug_assert!(self.position <= position, "overlapping parts of the image");
        while self.position < position {
            let len = (position - self.position).min(BLOCK) as usize;
            self.write(&[0; BLOCK as usize][..len])?;
        }
        Ok(())
    }
}

impl Plan {
    fn write_inode(
        &self,
        tree: &Tree,
        id: InodeId,
        out: &mut Output<'_>,
    ) -> Result<(), IndexError> {
        let place = self.place(id);
        let inode = tree.inode(id);
        let xattrs = xattrs_of(inode, tree, id)?;
        let computed;
        let chunks = match (&inode.content, self.sparse.get(&id)) {
            (Content::File(_), Some(chunks)) => Some(chunks),
            (Content::File(data), None) if data.size > 0 => {
                computed = Chunks::of(data).ok_or_else(|| unstorable(tree, id, SCATTERED))?;
                Some(&computed)
            }
            _ => None,
        };
        let union = match &inode.content {
            Content::CharDevice(major, minor) | Content::BlockDevice(major, minor) => {
                encode_device(*major, *minor)
            }
            Content::Whiteout => encode_device(0, 0),
            _ => chunks.map_or(place.block, |chunks| chunk_format(chunks.bits)),
        };
        out.pad_to(place.at)?;
        let mut bytes = Vec::with_capacity(BLOCK as usize);
        RawInode {
            form: place.form,
            layout: place.layout,
            attributes: &inode.attributes,
            mode: file_mode(&inode.content) | inode.attributes.mode as u16,
            size: place.size,
            links: place.links,
            ino: place.ino,
            xattr_count: xattrs.count,
            union,
        }
        .encode(&mut bytes);
        bytes.extend(&xattrs.bytes);
        if let Some(chunks) = chunks {
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            push_indexes(chunks, place.block, &mut bytes);
        } else if place.layout == Layout::Inline {
            let data = self.content(tree, id);
            bytes.extend(&data[(place.size / BLOCK * BLOCK) as usize..]);
        }
        out.write(&bytes)?;
        Ok(())
    }

    fn write_data(
        &self,
        tree: &Tree,
        tar: &dyn TarContent,
        id: InodeId,
        out: &mut Output<'_>,
    ) -> Result<(), IndexError> {
        let place = self.place(id);
        if place.block == NULL_BLOCK {
            return Ok(());
        }
        out.pad_to(u64::from(place.block) * BLOCK)?;
        if let (Content::File(data), Some(chunks)) = (&tree.inode(id).content, self.sparse.get(&id))
        {
            return copy_chunks(data, chunks, tar, out);
        }
        let data = self.content(tree, id);
        let end = match place.layout {
            Layout::Inline => (place.size / BLOCK * BLOCK) as usize,
            _ => data.len(),
        };
        out.write(&data[..end])?;
        Ok(())
    }
}

fn push_indexes(chunks: &Chunks, first_copy: u32, bytes: &mut Vec<u8>) {
    let mut copy = first_copy;
    for source in &chunks.sources {
        match source {
            Source::Hole => encode_chunk(0, NULL_BLOCK, bytes),
            Source::Tar(block) => encode_chunk(TAR_DEVICE, *block, bytes),
            Source::Copy { len, .. } => {
                encode_chunk(0, copy, bytes);
                copy += len.div_ceil(BLOCK) as u32;
            }
        }
    }
}

fn copy_chunks(
    data: &Data,
    chunks: &Chunks,
    tar: &dyn TarContent,
    out: &mut Output<'_>,
) -> Result<(), IndexError> {
    for source in &chunks.sources {
        if let Source::Copy { offset, len } = *source {
            let mut bytes = vec![0; len.next_multiple_of(BLOCK) as usize];
            read_sparse(data, tar, offset, &mut bytes[..len as usize])?;
            out.write(&bytes)?;
        }
    }
    Ok(())
}

/// Fills `bytes` (zeros) with the sparse file's content from `offset` on.
fn read_sparse(data: &Data, tar: &dyn TarContent, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    let end = offset + bytes.len() as u64;
    let mut position = data.offset;
    for segment in data.sparse.iter().flatten() {
        let (from, to) = (
            segment.offset.max(offset),
            (segment.offset + segment.len).min(end),
        );
        if from < to {
            let part = &mut bytes[(from - offset) as usize..(to - offset) as usize];
            tar.read_exact_at(part, position + (from - segment.offset))?;
        }
        position += segment.len;
    }
    Ok(())
}
fn file_mode(content: &Content) -> u16 {
    match content {
        Content::Fifo => 0o010_000,
        Content::CharDevice(..) | Content::Whiteout => 0o020_000,
        Content::Directory(_) => 0o040_000,
        Content::BlockDevice(..) => 0o060_000,
        Content::File(_) => 0o100_000,
        Content::Symlink(_) => 0o120_000,
    }
}
