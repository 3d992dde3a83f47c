//! The files that a build is given.

use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use gantry_dockerfile::Ignore;
use gantry_sys::in_root;
use rustix::fs::{FileType, OFlags};
use tempfile::TempDir;

use crate::Error;
use crate::files::c_path;
use crate::remote::Downloaded;

/// A Dockerfile larger than this is refused.
const DOCKERFILE_MAX: u64 = 16 << 20;

/// A folder with the context's files, and the Dockerfile.
#[derive(Debug)]
pub struct Context {
    root: OwnedFd,
    /// The Dockerfile's name, for messages.
    pub name: String,
    /// The Dockerfile's text.
    pub dockerfile: Vec<u8>,
    /// What of the folder does not belong to the context.
    pub(crate) ignore: Ignore,
    /// Removes the folder when nobody needs it any more.
    _folder: TempDir,
}

impl Context {
    /// Unpacks an archive, compressed or not, below `place`; `name` is the Dockerfile within it.
    ///
    /// With `inline`, that is the Dockerfile instead.
    pub fn from_archive(
        archive: impl Read,
        place: &Path,
        name: &str,
        inline: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let folder = new_folder(place)?;
        let root = unpacked(archive, &folder)?;
        Self::opened(root, folder, name, inline)
    }

    /// A folder that was filled, or one in it: links in the way lead nowhere else. It has no Dockerfile.
    pub(crate) fn of_folder(folder: TempDir, below: &str) -> Result<Self, Error> {
        let root = opened_below(&folder, below)?;
        Self::opened(root, folder, "Dockerfile", Some(Vec::new()))
    }

    /// The same with the Dockerfile of this name, or this one.
    pub(crate) fn of_checkout(
        folder: TempDir,
        below: &str,
        name: &str,
        inline: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let root = opened_below(&folder, below)?;
        Self::opened(root, folder, name, inline)
    }

    /// What was downloaded: an archive's files, or the file itself.
    pub(crate) fn of_download(file: &Downloaded, place: &Path) -> Result<Self, Error> {
        let folder = new_folder(place)?;
        let from = fs::File::open(file.path()).map_err(Error::file("open", file.path()))?;
        let opened = fs::File::open(file.folder.path());
        let opened = opened.map_err(Error::file("open", file.folder.path()))?;
        if crate::copy::is_archive_at(opened.as_fd(), file.name.as_bytes())? {
            let root = unpacked(from, &folder)?;
            return Self::opened(root, folder, "Dockerfile", Some(Vec::new()));
        }
        let target = folder.path().join(&file.name);
        fs::copy(file.path(), &target).map_err(Error::file("copy to", &target))?;
        Self::of_folder(folder, "")
    }

    /// What was downloaded as a build's context: an archive, or a Dockerfile without one.
    pub(crate) fn of_remote_file(file: Downloaded, place: &Path, name: &str) -> Result<Self, Error> {
        let opened = fs::File::open(file.folder.path());
        let opened = opened.map_err(Error::file("open", file.folder.path()))?;
        let path = file.path();
        if crate::copy::is_archive_at(opened.as_fd(), file.name.as_bytes())? {
            let from = fs::File::open(&path).map_err(Error::file("open", &path))?;
            return Self::from_archive(from, place, name, None);
        }
        let text = read(opened.as_fd(), &file.name)?;
        fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        Self::of_checkout(file.folder, "", "Dockerfile", Some(text.unwrap_or_default()))
    }

    fn opened(
        root: OwnedFd,
        folder: TempDir,
        name: &str,
        inline: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let dockerfile = match inline {
            Some(text) => text,
            None => read(root.as_fd(), name)?.ok_or_else(|| {
                Error::Invalid(format!(
                    "failed to read dockerfile: open {name}: no such file or directory"
                ))
            })?,
        };
        let ignore = match read(root.as_fd(), &format!("{name}.dockerignore"))? {
            Some(own) => Some(own),
            None => read(root.as_fd(), ".dockerignore")?,
        };
        let ignore = Ignore::parse(&ignore.unwrap_or_default())
            .map_err(|problem| Error::Invalid(format!("the .dockerignore: {problem}")))?;
        // Clients that read the Dockerfile elsewhere put it into the archive under a name of their own.
        let shown = if name.starts_with(".dockerfile.") {
            "Dockerfile"
        } else {
            name
        };
        Ok(Self {
            root,
            name: shown.to_owned(),
            dockerfile,
            ignore,
            _folder: folder,
        })
    }

    /// The folder.
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

fn new_folder(place: &Path) -> Result<TempDir, Error> {
    fs::create_dir_all(place).map_err(Error::file("create", place))?;
    tempfile::Builder::new()
        .prefix("context-")
        .tempdir_in(place)
        .map_err(Error::file("create a folder in", place))
}

fn root_of(folder: &TempDir) -> Result<OwnedFd, Error> {
    let path = c_path(folder.path().as_os_str().as_encoded_bytes())?;
    in_root::open_root(&path).map_err(Error::file("open", folder.path()))
}

/// A directory of a folder.
pub(crate) fn opened_below(folder: &TempDir, below: &str) -> Result<OwnedFd, Error> {
    let root = root_of(folder)?;
    let path = [b"/", below.as_bytes()].concat();
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    in_root::open(root.as_fd(), &c_path(&path)?, flags).map_err(|error| match error {
        rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => {
            Error::SourceNotFound(format!("/{}", below.trim_start_matches('/')))
        }
        other => Error::file("open", below)(other),
    })
}

/// Unpacks an archive, compressed or not, and reads it to its end.
fn unpacked(archive: impl Read, folder: &TempDir) -> Result<OwnedFd, Error> {
    let root = root_of(folder)?;
    let unreadable =
        |error| Error::Invalid(format!("the context's archive cannot be read: {error}"));
    let mut plain = gantry_archive::decode(archive).map_err(unreadable)?;
    gantry_engine::unpack_into(root.as_fd(), &mut plain, "the build context")?;
    // The rest of the request is read, or its sender would see a broken connection.
    std::io::copy(&mut plain, &mut std::io::sink()).map_err(unreadable)?;
    Ok(root)
}

/// A small file of the context; `None` if there is none of that name.
fn read(root: BorrowedFd<'_>, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let file = match in_root::open(root, &c_path(name.as_bytes())?, OFlags::PATH) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(Error::file("open", name)(error)),
    };
    // Looked at before it is opened: opening a device may do something.
    let stat = rustix::fs::fstat(&file).map_err(Error::file("look at", name))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::Invalid(format!("{name} is not a regular file")));
    }
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    let file = fs::File::open(opened).map_err(Error::file("open", name))?;
    let mut text = Vec::new();
    let read = file.take(DOCKERFILE_MAX + 1).read_to_end(&mut text);
    read.map_err(Error::file("read", name))?;
    if text.len() as u64 > DOCKERFILE_MAX {
        return Err(Error::Invalid(format!("{name} is larger than 16 MiB")));
    }
    Ok(Some(text))
}
