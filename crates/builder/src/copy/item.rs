//! One entry of the layer.

use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::fs::FileType;

use crate::Error;
use crate::archives::unpack;
use crate::digests::Digests;
use crate::files::{Fingerprint, Found, LayerWriter, Owner, content, link, open};

/// One entry of the layer.
pub(super) enum Item<'a> {
    File {
        root: BorrowedFd<'a>,
        found: Found,
        target: Vec<u8>,
        mode: u32,
        owner: Owner,
        /// Which source it belongs to.
        number: usize,
        /// Whether its extended attributes are copied; those of a context are the machine's affair.
        xattrs: bool,
    },
    Text {
        content: &'a [u8],
        target: Vec<u8>,
        mode: u32,
        owner: Owner,
    },
    Archive {
        root: BorrowedFd<'a>,
        found: Found,
        target: Vec<u8>,
        owner: Option<Owner>,
    },
}

impl Item<'_> {
    /// The directory that it makes, if it makes one.
    pub(super) fn directory(&self) -> Option<&[u8]> {
        match self {
            Self::File { found, target, .. } if found.kind() == FileType::Directory => Some(target),
            _ => None,
        }
    }

    /// Where it comes from.
    pub(super) fn root(&self) -> Option<RawFd> {
        match self {
            Item::File { root, .. } | Item::Archive { root, .. } => Some(root.as_raw_fd()),
            Item::Text { .. } => None,
        }
    }

    /// Tells the file among others, if it has several names.
    pub(super) fn linked(&self) -> Option<(usize, u64, u64)> {
        match self {
            Self::File { found, number, .. }
                if found.kind() == FileType::RegularFile && found.stat.st_nlink > 1 =>
            {
                Some((*number, found.stat.st_dev, found.stat.st_ino))
            }
            _ => None,
        }
    }

    /// Which source it belongs to.
    pub(super) fn number(&self) -> usize {
        match self {
            Self::File { number, .. } => *number,
            Self::Text { .. } | Self::Archive { .. } => 0,
        }
    }

    pub(super) fn print(
        &self,
        print: &mut Fingerprint,
        digests: Option<&Digests>,
    ) -> Result<(), Error> {
        match self {
            Item::File {
                root,
                found,
                target,
                mode,
                owner,
                xattrs,
                ..
            } => {
                let kind = found.kind();
                print
                    .add(target)
                    .add(format!("{kind:?} {mode:o} {owner:?} {xattrs}"));
                match kind {
                    FileType::RegularFile => contents(print, *root, found, digests)?,
                    FileType::Symlink => {
                        print.add(link(*root, &found.source)?);
                    }
                    _ => {
                        print.add(found.stat.st_rdev.to_le_bytes());
                    }
                }
            }
            Item::Text {
                content,
                target,
                mode,
                owner,
            } => {
                print.add(target).add(format!("text {mode:o} {owner:?}"));
                print.add(content);
            }
            Item::Archive {
                root,
                found,
                target,
                owner,
            } => {
                print.add(target).add(format!("archive {owner:?}"));
                contents(print, *root, found, digests)?;
            }
        }
        Ok(())
    }

    pub(super) fn write(&self, layer: &mut LayerWriter<impl Write>) -> Result<(), Error> {
        match self {
            Item::File {
                root,
                found,
                target,
                mode,
                owner,
                xattrs,
                ..
            } => layer.found(*root, found, target, (*mode, *owner), *xattrs),
            Item::Text {
                content,
                target,
                mode,
                owner,
            } => layer.text(target, content, *mode, *owner),
            Item::Archive {
                root,
                found,
                target,
                owner,
            } => unpack(layer, open(*root, &found.source)?, target, *owner),
        }
    }
}

fn contents(
    print: &mut Fingerprint,
    root: BorrowedFd<'_>,
    found: &Found,
    digests: Option<&Digests>,
) -> Result<(), Error> {
    let read = || {
        let shown = String::from_utf8_lossy(&found.source).into_owned();
        content(open(root, &found.source)?).map_err(Error::file("read", shown))
    };
    match digests {
        Some(digests) => print.add(digests.of(&found.stat, read)?),
        None => print.add(read()?.hex()),
    };
    Ok(())
}
