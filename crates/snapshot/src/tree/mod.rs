//! What a layer means: the directory tree that its archive describes, in memory.
//!
//! Every name of the archive is resolved here, against the tree built so far, never by the kernel:
//! `..` stops at the root, symbolic links are followed inside the tree only, and what comes out
//! holds single path components, so that no archive can reach outside of its layer, whichever
//! driver writes it down. Whiteouts (`.wh.NAME`, `.wh..wh..opq`; OCI image specification,
//! "Whiteouts") become [`Content::Whiteout`] and opaque directories.
//!
//! Where an archive contradicts itself, the later entry wins as it does in Docker, with one
//! exception that the specification demands: a whiteout hides what lower layers hold and never
//! what its own layer brings, in whichever order the two come.

mod names;
mod resolve;

use std::collections::BTreeMap;

use self::names::{bad_name, checked_target, lossy, split};
use crate::tar::{ArchiveError, Attributes, Data, Entry, Kind};

/// Directories above each other. Symbolic links could make a tree deeper than any path.
const MAX_DEPTH: u32 = 2048;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Bookkeeping of the aufs driver that made the first layers.
const AUFS: &[u8] = b".wh..wh.";

/// The number of an inode in its [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InodeId(u32);

impl InodeId {
    /// As an index into a table of [`Tree::len`] rows.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A layer's directory tree.
#[derive(Debug)]
pub struct Tree {
    inodes: Vec<Inode>,
    entries: u64,
    size: u64,
}

/// One file, of any kind.
#[derive(Debug)]
pub struct Inode {
    /// Owner, mode, time, extended attributes.
    pub attributes: Attributes,
    /// What it is.
    pub content: Content,
}

/// The kinds of inodes.
#[derive(Debug)]
pub enum Content {
    /// A directory.
    Directory(Directory),
    /// A regular file.
    File(Data),
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
    /// Hides a lower layer's file; overlay's sign for it is the character device 0/0.
    Whiteout,
}

/// What a directory holds.
#[derive(Debug)]
pub struct Directory {
    /// Its entries, sorted by name.
    pub children: BTreeMap<Box<[u8]>, InodeId>,
    /// The directory above; the root is its own.
    pub parent: InodeId,
    /// Hides what lower layers hold under the same name.
    pub opaque: bool,
    depth: u32,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The root of every tree.
    pub const ROOT: InodeId = InodeId(0);

    /// A tree with nothing but the root, 0755 and root's.
    pub fn new() -> Self {
        let attributes = Attributes {
            mode: 0o755,
            ..Attributes::default()
        };
        let content = Content::Directory(Directory {
            children: BTreeMap::new(),
            parent: Self::ROOT,
            opaque: false,
            depth: 0,
        });
        let root = Inode {
            attributes,
            content,
        };
        Self {
            inodes: vec![root],
            entries: 0,
            size: 0,
        }
    }

    /// Rows a table by [`InodeId::index`] needs.
    pub fn len(&self) -> usize {
        self.inodes.len()
    }

    /// Whether there is nothing but the root.
    pub fn is_empty(&self) -> bool {
        self.inodes.len() == 1
    }

    /// The inode of this number.
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.index()]
    }

    /// Archive entries applied.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Bytes of file content, added up over the entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// One path of an inode, for messages; made by searching the tree.
    pub fn name_of(&self, wanted: InodeId) -> String {
        let mut found = wanted;
        let mut names: Vec<String> = Vec::new();
        while found != Self::ROOT {
            let holder = self.inodes.iter().enumerate().find_map(|(index, inode)| {
                let Content::Directory(directory) = &inode.content else {
                    return None;
                };
                let name = directory.children.iter().find(|(_, id)| **id == found)?.0;
                Some((InodeId(index as u32), lossy(name)))
            });
            let Some((parent, name)) = holder else { break };
            names.push(name);
            found = parent;
        }
        names.reverse();
        names.join("/")
    }

    /// The directory of this number; `None` if it is something else.
    pub fn directory(&self, id: InodeId) -> Option<&Directory> {
        match &self.inode(id).content {
            Content::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    /// To be called after the last entry: drops the whiteouts in and below opaque directories,
    /// which hide nothing. Overlay does not read such a directory together with others, and would
    /// list them as files that cannot be opened.
    pub fn finish(&mut self) {
        let mut directories = vec![(Self::ROOT, false)];
        while let Some((id, below_opaque)) = directories.pop() {
            let Some(directory) = self.directory(id) else {
                continue;
            };
            let opaque = below_opaque || directory.opaque;
            let is_whiteout = |id: &InodeId| matches!(self.inode(*id).content, Content::Whiteout);
            let children = directory.children.iter();
            let needless: Vec<Box<[u8]>> = children
                .filter(|(_, id)| opaque && is_whiteout(id))
                .map(|(name, _)| name.clone())
                .collect();
            let below = directory
                .children
                .values()
                .filter(|id| self.directory(**id).is_some());
            directories.extend(below.map(|id| (*id, opaque)));
            if let Content::Directory(directory) = &mut self.inodes[id.index()].content {
                for name in needless {
                    directory.children.remove(&name);
                }
            }
        }
    }

    /// Applies the archive's next entry. Returns the new inode's number if it is a regular file.
    pub fn apply(&mut self, entry: Entry) -> Result<Option<InodeId>, ArchiveError> {
        self.entries += 1;
        let Entry {
            path,
            mut attributes,
            kind,
        } = entry;
        keep_storable_xattrs(&mut attributes, &kind);
        let Some((parents, name)) = split(&path)? else {
            return self.apply_root(&path, attributes, &kind).map(|()| None);
        };
        if name.starts_with(WHITEOUT) {
            return self
                .apply_whiteout(&path, &parents, name, &attributes)
                .map(|()| None);
        }
        let parent = self.resolve_parents(&path, &parents, Some(&attributes))?;
        let content = match kind {
            Kind::Directory => {
                return self
                    .apply_directory(&path, parent, name, attributes)
                    .map(|()| None);
            }
            Kind::HardLink(target) => {
                let inode = self.link_target(&path, &target)?;
                self.put(parent, name, inode);
                return Ok(None);
            }
            Kind::File(data) => {
                self.size = self.size.saturating_add(data.size);
                Content::File(data)
            }
            Kind::Symlink(target) => {
                // What every file system says of them; the archive's mode means nothing.
                attributes.mode = 0o777;
                Content::Symlink(checked_target(&path, target)?)
            }
            Kind::CharDevice { major, minor } => Content::CharDevice(major, minor),
            Kind::BlockDevice { major, minor } => Content::BlockDevice(major, minor),
            Kind::Fifo => Content::Fifo,
        };
        let is_file = matches!(content, Content::File(_));
        let inode = self.add(
            &path,
            Inode {
                attributes,
                content,
            },
        )?;
        self.put(parent, name, inode);
        Ok(is_file.then_some(inode))
    }

    fn apply_root(
        &mut self,
        path: &[u8],
        attributes: Attributes,
        kind: &Kind,
    ) -> Result<(), ArchiveError> {
        if *kind != Kind::Directory {
            return Err(bad_name(path, "the root of a layer must be a directory"));
        }
        self.inodes[0].attributes = attributes;
        Ok(())
    }

    fn apply_whiteout(
        &mut self,
        path: &[u8],
        parents: &[&[u8]],
        name: &[u8],
        attributes: &Attributes,
    ) -> Result<(), ArchiveError> {
        let hidden = &name[WHITEOUT.len()..];
        if name != OPAQUE && name.starts_with(AUFS) {
            return Ok(());
        }
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(bad_name(path, "a whiteout must name a file"));
        }
        let parent = self.resolve_parents(path, parents, Some(attributes))?;
        if name == OPAQUE {
            self.make_opaque(parent);
            return Ok(());
        }
        match self.child(parent, hidden) {
            // What this layer brought stays, but nothing below shines through.
            Some(existing) => self.make_opaque(existing),
            None => {
                let content = Content::Whiteout;
                let attributes = Attributes {
                    mtime: attributes.mtime,
                    ..Attributes::default()
                };
                let inode = self.add(
                    path,
                    Inode {
                        attributes,
                        content,
                    },
                )?;
                self.put(parent, hidden, inode);
            }
        }
        Ok(())
    }

    fn make_opaque(&mut self, id: InodeId) {
        if let Content::Directory(directory) = &mut self.inodes[id.index()].content {
            directory.opaque = true;
        }
    }

    /// A directory keeps what it holds already and takes the new attributes.
    fn apply_directory(
        &mut self,
        path: &[u8],
        parent: InodeId,
        name: &[u8],
        attributes: Attributes,
    ) -> Result<(), ArchiveError> {
        let existing = self
            .child(parent, name)
            .filter(|id| self.directory(*id).is_some());
        let id = match existing {
            Some(id) => id,
            None => self.add_directory(path, parent, name)?,
        };
        self.inodes[id.index()].attributes = attributes;
        Ok(())
    }

    /// Puts an empty directory in the place of whatever is there.
    fn add_directory(
        &mut self,
        path: &[u8],
        parent: InodeId,
        name: &[u8],
    ) -> Result<InodeId, ArchiveError> {
        let depth = self.directory(parent).map_or(0, |d| d.depth) + 1;
        if depth > MAX_DEPTH {
            return Err(bad_name(path, "directories nested too deeply"));
        }
        let opaque = self
            .child(parent, name)
            .is_some_and(|id| matches!(self.inode(id).content, Content::Whiteout));
        let content = Content::Directory(Directory {
            children: BTreeMap::new(),
            parent,
            opaque,
            depth,
        });
        let attributes = Attributes {
            mode: 0o755,
            ..Attributes::default()
        };
        let id = self.add(
            path,
            Inode {
                attributes,
                content,
            },
        )?;
        self.put(parent, name, id);
        Ok(id)
    }
    fn child(&self, parent: InodeId, name: &[u8]) -> Option<InodeId> {
        self.directory(parent)?.children.get(name).copied()
    }

    fn add(&mut self, path: &[u8], inode: Inode) -> Result<InodeId, ArchiveError> {
        let id = u32::try_from(self.inodes.len())
            .map_err(|_| bad_name(path, "more files than a layer can hold"))?;
        self.inodes.push(inode);
        Ok(InodeId(id))
    }

    fn put(&mut self, parent: InodeId, name: &[u8], id: InodeId) {
        if let Content::Directory(directory) = &mut self.inodes[parent.index()].content {
            directory.children.insert(name.into(), id);
        }
    }
}

/// Drops attributes that no file system keeps for such a file, and overlay's own: those steer how
/// layers are merged, which is not for a layer to say.
fn keep_storable_xattrs(attributes: &mut Attributes, kind: &Kind) {
    let user_allowed = matches!(kind, Kind::File(_) | Kind::Directory);
    attributes.xattrs.retain(|xattr| {
        let name = &xattr.name[..];
        let storable = name.starts_with(b"security.")
            || (name.starts_with(b"trusted.") && !name.starts_with(b"trusted.overlay."))
            || (name.starts_with(b"user.") && user_allowed)
            || matches!(
                name,
                b"system.posix_acl_access" | b"system.posix_acl_default"
            );
        // XATTR_NAME_MAX and XATTR_SIZE_MAX; EROFS counts a value's bytes in 16 bits.
        storable && name.len() <= 255 && xattr.value.len() < 65536
    });
}
