//! Walking the tree to the directory that a name means.

use super::names::{Walk, lossy, split};
use super::{Content, InodeId, Tree};
use crate::tar::{ArchiveError, Attributes};

impl Tree {
    /// The file that a hard link names: its directory's links are followed, its own is not.
    pub(super) fn link_target(
        &mut self,
        path: &[u8],
        target: &[u8],
    ) -> Result<InodeId, ArchiveError> {
        let refused = |why| ArchiveError::HardLink {
            name: lossy(path),
            target: lossy(target),
            why,
        };
        let (parents, name) = split(target)?.ok_or_else(|| refused("which is the root"))?;
        let parent = self
            .lookup_parents(path, &parents)?
            .ok_or_else(|| refused("which is not in the same layer before it"))?;
        let id = self
            .child(parent, name)
            .ok_or_else(|| refused("which is not in the same layer before it"))?;
        match self.inode(id).content {
            Content::Directory(_) => Err(refused("which is a directory")),
            Content::Whiteout => Err(refused("which the same layer removes")),
            _ => Ok(id),
        }
    }

    /// The directory at the end of `parents`, made where it is missing (0755, root's, dated like
    /// the entry that needs it, as nothing better is known).
    pub(super) fn resolve_parents(
        &mut self,
        path: &[u8],
        parents: &[&[u8]],
        like: Option<&Attributes>,
    ) -> Result<InodeId, ArchiveError> {
        let mut walk = Walk::new(path, parents);
        let mut at = Self::ROOT;
        while let Some(name) = walk.next() {
            if name == b".." {
                at = self.directory(at).map_or(Self::ROOT, |d| d.parent);
                continue;
            }
            at = match self
                .child(at, &name)
                .map(|id| (id, &self.inode(id).content))
            {
                Some((id, Content::Directory(_))) => id,
                Some((_, Content::Symlink(target))) => {
                    if walk.follow(target)? {
                        at = Self::ROOT;
                    }
                    at
                }
                // A file in the way gives way, as the entry itself would make it do.
                _ => {
                    let id = self.add_directory(path, at, &name)?;
                    if let Some(like) = like {
                        let attributes = &mut self.inodes[id.index()].attributes;
                        attributes.mtime = like.mtime;
                        attributes.mtime_nsec = like.mtime_nsec;
                    }
                    id
                }
            };
        }
        Ok(at)
    }

    /// Like `resolve_parents`, but makes nothing.
    fn lookup_parents(
        &self,
        path: &[u8],
        parents: &[&[u8]],
    ) -> Result<Option<InodeId>, ArchiveError> {
        let mut walk = Walk::new(path, parents);
        let mut at = Self::ROOT;
        while let Some(name) = walk.next() {
            if name == b".." {
                at = self.directory(at).map_or(Self::ROOT, |d| d.parent);
                continue;
            }
            let Some(id) = self.child(at, &name) else {
                return Ok(None);
            };
            match &self.inode(id).content {
                Content::Directory(_) => at = id,
                Content::Symlink(target) => {
                    if walk.follow(target)? {
                        at = Self::ROOT;
                    }
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}
