//! Writes the EROFS image that indexes a tar.
//!
//! The image holds directories, inodes, attributes and symbolic links; a regular file's inode
//! points at its content in the tar, which the kernel is given as a second device. Same idea as
//! `mkfs.erofs --tar=i`. In order: superblock and device table (block 2), inodes, then the blocks
//! of larger directories, long symbolic links and copied chunks.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use super::chunks::{Chunks, Source};
use super::dirents::{self, Dirent};
use super::format::{
    BLOCK, Form, INODES_AT, Layout, NULL_BLOCK, RawInode, SLOT, Superblock, TAR_DEVICE,
    chunk_format, encode_chunk, encode_device,
};
use super::xattrs;
use crate::tar::{ArchiveError, Data};
use crate::tree::{Content, Directory, Inode, InodeId, Tree};

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

fn too_big() -> ArchiveError {
    ArchiveError::Unstorable {
        name: "/".to_owned(),
        why: "the layer is larger than the 2 TiB that 32-bit block numbers reach",
    }
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

/// Where everything goes.
struct Plan {
    /// Every inode once, siblings together, parents before children.
    order: Vec<InodeId>,
    /// By inode; those that lost their place in the tree have none.
    places: Vec<Option<Place>>,
    /// The chunks of sparse files; others are computed when wanted.
    sparse: HashMap<InodeId, Chunks>,
    epoch: (i64, u32),
    data_start: u64,
    end: u64,
}

#[derive(Clone, Copy)]
struct Place {
    /// Position of the inode.
    at: u64,
    /// Its running number, from 1.
    ino: u32,
    links: u32,
    form: Form,
    layout: Layout,
    size: u64,
    /// First block of its data, if it has any in the image.
    block: u32,
}

impl Plan {
    fn new(tree: &Tree) -> Result<Self, ArchiveError> {
        let (order, links) = visit(tree);
        let mut plan = Self {
            places: vec![None; tree.len()],
            sparse: HashMap::new(),
            epoch: most_common_time(tree, &order),
            data_start: 0,
            end: 0,
            order,
        };
        let mut cursor = INODES_AT;
        for (number, id) in plan.order.clone().into_iter().enumerate() {
            let links = links[id.index()];
            cursor = plan.place_inode(tree, id, number as u32 + 1, links, cursor)?;
        }
        plan.data_start = cursor.next_multiple_of(BLOCK);
        plan.place_data(tree)?;
        Ok(plan)
    }

    fn superblock(&self, uuid: [u8; 16], tar_blocks: u32) -> Superblock {
        Superblock {
            uuid,
            epoch: self.epoch,
            inodes: self.order.len() as u64,
            blocks: (self.end / BLOCK) as u32,
            tar_blocks,
            // The root comes first, so its number is small.
            root_nid: self.nid(Tree::ROOT) as u16,
        }
    }

    fn place(&self, id: InodeId) -> Place {
        match self.places[id.index()] {
            Some(place) => place,
            None => unreachable!("every inode of the order has been placed"),
        }
    }

    fn nid(&self, id: InodeId) -> u64 {
        self.place(id).at / SLOT
    }

    /// Decides an inode's form and place; returns where the next one may start.
    fn place_inode(
        &mut self,
        tree: &Tree,
        id: InodeId,
        ino: u32,
        links: u32,
        cursor: u64,
    ) -> Result<u64, ArchiveError> {
        let inode = tree.inode(id);
        let chunks = match &inode.content {
            Content::File(data) if data.size > 0 => {
                Some(Chunks::of(data).ok_or_else(|| unstorable(tree, id, SCATTERED))?)
            }
            _ => None,
        };
        let size = data_size(tree, id);
        let form = Form::for_inode(&inode.attributes, size, links, self.epoch);
        let head = form.len() + xattrs_of(inode, tree, id)?.bytes.len() as u64;
        let inline = inline_tail(&inode.content, size, head);
        let (layout, tail) = match &chunks {
            Some(chunks) => (Layout::Chunks, chunks.index_len()),
            None if inline > 0 => (Layout::Inline, inline),
            None => (Layout::Plain, 0),
        };
        let mut at = cursor.next_multiple_of(SLOT);
        // An inline tail must lie in one block, a symbolic link's together with its inode; the
        // inode itself is cheaper to read in one piece.
        let whole = if layout == Layout::Inline {
            head + tail
        } else {
            form.len()
        };
        if at % BLOCK + whole > BLOCK {
            at = at.next_multiple_of(BLOCK);
        }
        let place = Place {
            at,
            ino,
            links,
            form,
            layout,
            size,
            block: NULL_BLOCK,
        };
        self.places[id.index()] = Some(place);
        if let (
            Some(chunks),
            Content::File(Data {
                sparse: Some(_), ..
            }),
        ) = (chunks, &inode.content)
        {
            self.sparse.insert(id, chunks);
        }
        Ok(match layout {
            Layout::Chunks => at + head.next_multiple_of(8) + tail,
            _ => at + head + tail,
        })
    }

    /// Gives each inode with data in the image its blocks.
    fn place_data(&mut self, tree: &Tree) -> Result<(), ArchiveError> {
        let mut cursor = self.data_start;
        for id in &self.order {
            let place = self.place(*id);
            let len = match &tree.inode(*id).content {
                Content::Directory(_) | Content::Symlink(_) => match place.layout {
                    Layout::Inline => place.size / BLOCK * BLOCK,
                    _ => place.size.next_multiple_of(BLOCK),
                },
                Content::File(_) => self.sparse.get(id).map_or(0, Chunks::copied),
                _ => 0,
            };
            if len > 0 {
                let block = u32::try_from(cursor / BLOCK).map_err(|_| too_big())?;
                self.places[id.index()] = Some(Place { block, ..place });
                cursor += len;
            }
        }
        u32::try_from(cursor / BLOCK).map_err(|_| too_big())?;
        self.end = cursor;
        Ok(())
    }

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

    /// A directory's or symbolic link's bytes.
    fn content(&self, tree: &Tree, id: InodeId) -> Vec<u8> {
        match &tree.inode(id).content {
            Content::Symlink(target) => target.clone(),
            Content::Directory(directory) => dirents::encode(
                children(directory, id)
                    .into_iter()
                    .map(|(name, id)| Dirent {
                        name,
                        nid: self.nid(id),
                        file_type: file_type(&tree.inode(id).content),
                    }),
            ),
            _ => Vec::new(),
        }
    }
}

const SCATTERED: &str = "its content is scattered over too large a sparse file";

fn unstorable(tree: &Tree, id: InodeId, why: &'static str) -> ArchiveError {
    ArchiveError::Unstorable {
        name: tree.name_of(id),
        why,
    }
}

fn xattrs_of(inode: &Inode, tree: &Tree, id: InodeId) -> Result<xattrs::Encoded, ArchiveError> {
    let opaque = matches!(&inode.content, Content::Directory(d) if d.opaque);
    xattrs::encode(&inode.attributes.xattrs, opaque)
        .ok_or_else(|| unstorable(tree, id, "more than 256 KiB of extended attributes"))
}

/// All inodes that the tree still names, and how often it names each.
fn visit(tree: &Tree) -> (Vec<InodeId>, Vec<u32>) {
    let mut links = vec![0u32; tree.len()];
    let mut order = vec![Tree::ROOT];
    links[Tree::ROOT.index()] = 2;
    let mut next = 0;
    while let Some(id) = order.get(next).copied() {
        next += 1;
        let Some(directory) = tree.directory(id) else {
            continue;
        };
        for child in directory.children.values() {
            let seen = &mut links[child.index()];
            if *seen == 0 {
                order.push(*child);
            }
            if tree.directory(*child).is_some() {
                *seen = 2;
                links[id.index()] += 1;
            } else {
                *seen += 1;
            }
        }
    }
    (order, links)
}

/// What compact inodes are dated; reproducible images give all their files one time.
fn most_common_time(tree: &Tree, order: &[InodeId]) -> (i64, u32) {
    let mut counts: HashMap<(i64, u32), usize> = HashMap::new();
    for id in order {
        let attributes = &tree.inode(*id).attributes;
        *counts
            .entry((attributes.mtime, attributes.mtime_nsec))
            .or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(time, count)| (*count, *time))
        .map_or((0, 0), |(time, _)| time)
}

fn data_size(tree: &Tree, id: InodeId) -> u64 {
    match &tree.inode(id).content {
        Content::File(data) => data.size,
        Content::Symlink(target) => target.len() as u64,
        Content::Directory(directory) => {
            dirents::size(children(directory, id).into_iter().map(|(name, _)| name))
        }
        _ => 0,
    }
}

/// Bytes to put behind the inode instead of into a block of their own; 0 for none.
fn inline_tail(content: &Content, size: u64, head: u64) -> u64 {
    let tail = match content {
        Content::Directory(_) => size % BLOCK,
        Content::Symlink(_) if size < BLOCK => size,
        _ => 0,
    };
    if head + tail <= BLOCK { tail } else { 0 }
}

/// A directory's entries in the order of their bytes, `.` and `..` among them.
fn children(directory: &Directory, id: InodeId) -> Vec<(&[u8], InodeId)> {
    let mut entries: Vec<(&[u8], InodeId)> = directory
        .children
        .iter()
        .map(|(name, id)| (&**name, *id))
        .collect();
    for (name, id) in [(&b"."[..], id), (&b".."[..], directory.parent)] {
        let at = entries.partition_point(|(other, _)| *other < name);
        entries.insert(at, (name, id));
    }
    entries
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

/// The number that a directory entry gives (the same as in `struct dirent`'s generic table).
fn file_type(content: &Content) -> u8 {
    match content {
        Content::File(_) => 1,
        Content::Directory(_) => 2,
        Content::CharDevice(..) | Content::Whiteout => 3,
        Content::BlockDevice(..) => 4,
        Content::Fifo => 5,
        Content::Symlink(_) => 7,
    }
}
