//! The files that a build is given.

use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use gantry_dockerfile::Ignore;
use gantry_sys::in_root;
use rustix::fs::OFlags;

use crate::Error;
use crate::files::c_path;

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
    folder: tempfile::TempDir,
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
        fs::create_dir_all(place).map_err(Error::file("create", place))?;
        let folder = tempfile::Builder::new()
            .prefix("context-")
            .tempdir_in(place)
            .map_err(Error::file("create a folder in", place))?;
        let path = c_path(folder.path().as_os_str().as_encoded_bytes())?;
        let root = in_root::open_root(&path).map_err(Error::file("open", folder.path()))?;
        let unreadable =
            |error| Error::Invalid(format!("the context's archive cannot be read: {error}"));
        let mut plain = gantry_archive::decode(archive).map_err(unreadable)?;
        gantry_engine::unpack_into(root.as_fd(), &mut plain, "the build context")?;
        // The rest of the request is read, or its sender would see a broken connection.
        std::io::copy(&mut plain, &mut std::io::sink()).map_err(unreadable)?;
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
            folder,
        })
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder.
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// A small file of the context; `None` if there is none of that name.
fn read(root: BorrowedFd<'_>, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let file = match in_root::open(root, &c_path(name.as_bytes())?, flags) {
        Ok(fd) => fs::File::from(fd),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(Error::file("open", name)(error)),
    };
    let mut text = Vec::new();
    let read = file.take(DOCKERFILE_MAX + 1).read_to_end(&mut text);
    read.map_err(Error::file("read", name))?;
    if text.len() as u64 > DOCKERFILE_MAX {
        return Err(Error::Invalid(format!("{name} is larger than 16 MiB")));
    }
    Ok(Some(text))
}
