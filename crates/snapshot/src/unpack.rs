//! Writes a layer's tree out as real files.
//!
//! While the archive streams in, each regular file's content goes into a numbered file of a
//! staging directory. When the tree is complete it is made from the root down: directories are
//! created, staged files renamed into place. No name with a slash ever reaches the kernel, and no
//! link is followed, because every step names one component below a directory just made.

use std::cell::RefCell;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::fs::{Dev, XattrFlags, makedev};
use rustix::io::Errno;

use crate::skeleton::Notes;
use crate::store::WriteError;
use crate::tar::{Attributes, Data, Reader};
use crate::tree::{Content, Inode, InodeId, Tree};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Reads an archive, staging file content below `staging`, a fresh directory. `notes` is told which
/// bytes are content that a file will have as it is.
pub(crate) fn read_and_stage<R: BufRead>(
    archive: R,
    staging: BorrowedFd<'_>,
    notes: &RefCell<Notes>,
) -> Result<Tree, WriteError> {
    let mut tree = Tree::new();
    let mut reader = Reader::new(archive);
    while let Some(entry) = reader.next_entry()? {
        let Some(id) = tree.apply(entry)? else {
            continue;
        };
        let inode = tree.inode(id);
        if let Content::File(data) = &inode.content {
            let file = create_staged(staging, id)?;
            if data.sparse.is_none() {
                notes.borrow_mut().begin_content(id);
            }
            let written = write_content(&mut reader, data, &file);
            notes.borrow_mut().end_content();
            let written = written?;
            debug_assert_eq!(written, data.stored);
            set_attributes(&file, &inode.attributes)?;
        }
    }
    tree.finish();
    Ok(tree)
}

fn create_staged(staging: BorrowedFd<'_>, id: InodeId) -> Result<File, WriteError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    Ok(fs::openat(staging, staged(id)?, flags, Mode::RUSR | Mode::WUSR)?.into())
}

fn write_content<R: BufRead>(
    reader: &mut Reader<R>,
    data: &Data,
    file: &File,
) -> Result<u64, WriteError> {
    let mut written = 0;
    if let Some(segments) = &data.sparse {
        fs::ftruncate(file, data.size)?;
        let mut segments = segments.iter().copied();
        let mut current = segments.next();
        reader.read_data(|mut piece| {
            while let Some(segment) = current.as_mut().filter(|_| !piece.is_empty()) {
                let len = piece
                    .len()
                    .min(usize::try_from(segment.len).unwrap_or(usize::MAX));
                std::os::unix::fs::FileExt::write_all_at(file, &piece[..len], segment.offset)?;
                piece = &piece[len..];
                written += len as u64;
                segment.offset += len as u64;
                segment.len -= len as u64;
                if segment.len == 0 {
                    current = segments.next();
                }
            }
            Ok::<_, WriteError>(())
        })?;
    } else {
        let mut file = file;
        reader.read_data(|piece| {
            written += piece.len() as u64;
            file.write_all(piece).map_err(WriteError::Io)
        })?;
    }
    Ok(written)
}

/// Makes the tree below `root`, an empty directory on the file system of `staging`.
pub(crate) fn materialise(
    tree: &Tree,
    staging: BorrowedFd<'_>,
    root: OwnedFd,
) -> Result<(), WriteError> {
    let links = count_links(tree);
    // Descends with one open directory and comes back through "..", as `crate::descent` does.
    // Nobody else knows the tree yet, so nothing moves.
    let mut at = root;
    let mut levels = vec![Level::new(tree, Tree::ROOT)];
    while let Some(level) = levels.last_mut() {
        let Some((name, id)) = level.rest.next() else {
            // Now, since making the entries changed its time.
            finish_directory(tree.inode(level.id), &at)?;
            levels.pop();
            if !levels.is_empty() {
                at = fs::openat(&at, c"..", DIRECTORY, Mode::empty())?;
            }
            continue;
        };
        let name = component(name)?;
        if tree.directory(id).is_some() {
            fs::mkdirat(&at, &name, Mode::RWXU)?;
            at = fs::openat(&at, &name, DIRECTORY, Mode::empty())?;
            levels.push(Level::new(tree, id));
        } else {
            place(
                tree.inode(id),
                &staged(id)?,
                links[id.index()],
                staging,
                at.as_fd(),
                &name,
            )?;
        }
    }
    Ok(())
}

/// A directory being filled: what it still lacks.
struct Level<'a> {
    id: InodeId,
    rest: Box<dyn Iterator<Item = (&'a [u8], InodeId)> + 'a>,
}

impl<'a> Level<'a> {
    fn new(tree: &'a Tree, id: InodeId) -> Self {
        let rest: Box<dyn Iterator<Item = _>> = match tree.directory(id) {
            Some(directory) => Box::new(directory.children.iter().map(|(name, id)| (&**name, *id))),
            None => Box::new(std::iter::empty()),
        };
        Self { id, rest }
    }
}

fn count_links(tree: &Tree) -> Vec<u32> {
    let mut links = vec![0; tree.len()];
    let mut directories = vec![Tree::ROOT];
    while let Some(directory) = directories.pop().and_then(|id| tree.directory(id)) {
        for child in directory.children.values() {
            links[child.index()] += 1;
            if tree.directory(*child).is_some() {
                directories.push(*child);
            }
        }
    }
    links
}

/// Puts something that is no directory into its place.
fn place(
    inode: &Inode,
    staged: &CString,
    links: u32,
    staging: BorrowedFd<'_>,
    directory: BorrowedFd<'_>,
    name: &CString,
) -> Result<(), WriteError> {
    let is_file = matches!(inode.content, Content::File(_));
    if links == 1 {
        if is_file {
            fs::renameat(staging, staged, directory, name)?;
        } else {
            create_special(inode, directory, name)?;
        }
        return Ok(());
    }
    // Of several names each is a link to a staged file, which goes with the staging directory.
    if !is_file {
        match create_special(inode, staging, staged) {
            // Made for an earlier name.
            Err(WriteError::Io(e)) if e.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
    }
    Ok(fs::linkat(
        staging,
        staged,
        directory,
        name,
        AtFlags::empty(),
    )?)
}

fn create_special(
    inode: &Inode,
    directory: BorrowedFd<'_>,
    name: &CString,
) -> Result<(), WriteError> {
    let node = |kind, device: Dev| fs::mknodat(directory, name, kind, Mode::empty(), device);
    match &inode.content {
        Content::Symlink(target) => fs::symlinkat(component(target)?, directory, name)?,
        Content::CharDevice(major, minor) => {
            node(FileType::CharacterDevice, makedev(*major, *minor))?;
        }
        Content::BlockDevice(major, minor) => node(FileType::BlockDevice, makedev(*major, *minor))?,
        Content::Fifo => node(FileType::Fifo, 0)?,
        Content::Whiteout => node(FileType::CharacterDevice, makedev(0, 0))?,
        Content::Directory(_) | Content::File(_) => {
            unreachable!("directories are made on the way down, files are staged")
        }
    }
    set_attributes_at(inode, directory, name)
}

fn set_attributes_at(
    inode: &Inode,
    directory: BorrowedFd<'_>,
    name: &CString,
) -> Result<(), WriteError> {
    let attributes = &inode.attributes;
    let (uid, gid) = owners(attributes);
    fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    if !matches!(inode.content, Content::Symlink(_)) {
        fs::chmodat(directory, name, mode(attributes), AtFlags::empty())?;
    }
    if !attributes.xattrs.is_empty() {
        // There is no setxattrat(2) before 6.13, and the file cannot be opened.
        let path = [
            format!("/proc/self/fd/{}/", directory.as_raw_fd()).as_bytes(),
            name.as_bytes(),
        ]
        .concat();
        for xattr in &attributes.xattrs {
            let name = component(&xattr.name)?;
            let set = fs::lsetxattr(
                OsStr::from_bytes(&path),
                name,
                &xattr.value,
                XattrFlags::empty(),
            );
            forgive_unsupported(set)?;
        }
    }
    fs::utimensat(
        directory,
        name,
        &times(attributes),
        AtFlags::SYMLINK_NOFOLLOW,
    )?;
    Ok(())
}

fn finish_directory(inode: &Inode, directory: &OwnedFd) -> Result<(), WriteError> {
    set_owner_mode_xattrs(directory.as_fd(), &inode.attributes)?;
    if matches!(&inode.content, Content::Directory(d) if d.opaque) {
        fs::fsetxattr(
            directory,
            c"trusted.overlay.opaque",
            b"y",
            XattrFlags::empty(),
        )?;
    }
    fs::futimens(directory, &times(&inode.attributes))?;
    Ok(())
}

fn set_attributes(file: &File, attributes: &Attributes) -> Result<(), WriteError> {
    set_owner_mode_xattrs(file.as_fd(), attributes)?;
    fs::futimens(file, &times(attributes))?;
    Ok(())
}

fn set_owner_mode_xattrs(fd: BorrowedFd<'_>, attributes: &Attributes) -> Result<(), WriteError> {
    // In this order: a change of owner clears set-id bits and capabilities.
    let (uid, gid) = owners(attributes);
    fs::fchown(fd, uid, gid)?;
    fs::fchmod(fd, mode(attributes))?;
    for xattr in &attributes.xattrs {
        let name = component(&xattr.name)?;
        forgive_unsupported(fs::fsetxattr(fd, name, &xattr.value, XattrFlags::empty()))?;
    }
    Ok(())
}

/// A file system without such attributes (or without room for one) still gets the layer's files,
/// as with Docker.
fn forgive_unsupported(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(()),
        other => other,
    }
}

fn owners(attributes: &Attributes) -> (Option<Uid>, Option<Gid>) {
    (
        Some(Uid::from_raw(attributes.uid)),
        Some(Gid::from_raw(attributes.gid)),
    )
}

fn mode(attributes: &Attributes) -> Mode {
    Mode::from_raw_mode(attributes.mode)
}

fn times(attributes: &Attributes) -> Timestamps {
    let time = Timespec {
        tv_sec: attributes.mtime,
        tv_nsec: i64::from(attributes.mtime_nsec),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn staged(id: InodeId) -> Result<CString, WriteError> {
    component(id.index().to_string().as_bytes())
}

/// Names with a NUL do not come out of a [`Tree`].
fn component(name: &[u8]) -> Result<CString, WriteError> {
    CString::new(name).map_err(|e| WriteError::Io(e.into()))
}
