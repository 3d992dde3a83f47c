//! Where everything of an index image goes.

use std::collections::HashMap;

use super::chunks::Chunks;
use super::dirents::{self, Dirent};
use super::format::{BLOCK, Form, INODES_AT, Layout, NULL_BLOCK, SLOT, Superblock};
use super::xattrs;
use crate::tar::{ArchiveError, Data};
use crate::tree::{Content, Directory, Inode, InodeId, Tree};

/// Where everything goes.
pub(super) struct Plan {
    /// Every inode once, siblings together, parents before children.
    pub(super) order: Vec<InodeId>,
    /// By inode; those that lost their place in the tree have none.
    pub(super) places: Vec<Option<Place>>,
    /// The chunks of sparse files; others are computed when wanted.
    pub(super) sparse: HashMap<InodeId, Chunks>,
    pub(super) epoch: (i64, u32),
    pub(super) data_start: u64,
    pub(super) end: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Position of the inode.
    pub(super) at: u64,
    /// Its running number, from 1.
    pub(super) ino: u32,
    pub(super) links: u32,
    pub(super) form: Form,
    pub(super) layout: Layout,
    pub(super) size: u64,
    /// First block of its data, if it has any in the image.
    pub(super) block: u32,
}

impl Plan {
    pub(super) fn new(tree: &Tree) -> Result<Self, ArchiveError> {
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

    pub(super) fn superblock(&self, uuid: [u8; 16], tar_blocks: u32) -> Superblock {
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

    pub(super) fn place(&self, id: InodeId) -> Place {
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

    /// A directory's or symbolic link's bytes.
    pub(super) fn content(&self, tree: &Tree, id: InodeId) -> Vec<u8> {
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

pub(super) fn too_big() -> ArchiveError {
    ArchiveError::Unstorable {
        name: "/".to_owned(),
        why: "the layer is larger than the 2 TiB that 32-bit block numbers reach",
    }
}

pub(super) const SCATTERED: &str = "its content is scattered over too large a sparse file";

pub(super) fn unstorable(tree: &Tree, id: InodeId, why: &'static str) -> ArchiveError {
    ArchiveError::Unstorable {
        name: tree.name_of(id),
        why,
    }
}

pub(super) fn xattrs_of(
    inode: &Inode,
    tree: &Tree,
    id: InodeId,
) -> Result<xattrs::Encoded, ArchiveError> {
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
