//! The files that a build is given.

use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use gantry_dockerfile::Ignore;
use gantry_sys::in_root;
use rustix::fs::{FileType, OFlags};
use tempfile::TempDir;

use crate::digests::Digests;
use crate::files::c_path;
use crate::remote::Downloaded;
use crate::{Error, Told};

/// A Dockerfile larger than this is refused.
const DOCKERFILE_MAX: u64 = 16 << 20;

/// What is to be built: a Dockerfile, and where its files come from.
pub struct Definition {
    /// The Dockerfile's name, for messages.
    pub name: String,
    /// The Dockerfile's text.
    pub dockerfile: Vec<u8>,
    /// What of the context does not belong to it: the `.dockerignore`.
    pub ignore: Ignore,
    /// The context's files.
    pub files: Arc<dyn Files>,
}

/// Brings the files of a context.
pub trait Files: std::fmt::Debug + Send + Sync {
    /// Brings what is at these paths and below, following links; everything for no path at all.
    ///
    /// Called at most once a build, and not by a build that needs no files. `part` is told how far it is.
    fn bring<'a>(
        &'a self,
        paths: &'a [String],
        part: &'a (dyn Fn(Told) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arc<Context>, Error>>;
}

/// A folder with a context's files.
#[derive(Debug)]
pub struct Context {
    root: OwnedFd,
    /// What of the folder does not belong to the context.
    pub(crate) ignore: Ignore,
    /// What is known of the contents of its files.
    pub(crate) digests: Option<Arc<Digests>>,
    /// A number that no folder with other files has, as long as the daemon lives.
    pub(crate) state: Option<u64>,
    /// Removes the folder, or gives it free for others, when nobody needs it any more.
    _keeper: Box<dyn std::fmt::Debug + Send + Sync>,
}

impl Context {
    /// A folder; `keeper` is dropped when nobody needs it any more.
    pub fn new(
        path: PathBuf,
        ignore: Ignore,
        keeper: impl std::fmt::Debug + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let name = c_path(path.as_os_str().as_encoded_bytes())?;
        Ok(Self {
            root: in_root::open_root(&name).map_err(Error::file("open", &path))?,
            ignore,
            digests: None,
            state: None,
            _keeper: Box::new(keeper),
        })
    }

    /// Has the digests of its files remembered for the next time.
    #[must_use]
    pub fn remembering(mut self, digests: Arc<Digests>) -> Self {
        self.digests = Some(digests);
        self
    }

    /// Says which state the folder is in: contexts with one number have the same files, whatever their times.
    #[must_use]
    pub fn in_state(mut self, state: u64) -> Self {
        self.state = Some(state);
        self
    }

    /// A folder that was filled, or one in it: links in the way lead nowhere else.
    pub(crate) fn of_folder(folder: TempDir, below: &str) -> Result<Self, Error> {
        let path = real_path(&folder, below)?;
        Self::new(path, Ignore::default(), folder)
    }

    /// What was downloaded: an archive's files, or the file itself.
    pub(crate) fn of_download(file: Downloaded, place: &Path) -> Result<Self, Error> {
        let opened = fs::File::open(file.folder.path());
        let opened = opened.map_err(Error::file("open", file.folder.path()))?;
        if crate::archives::is_archive_at(opened.as_fd(), file.name.as_bytes())? {
            let from = fs::File::open(file.path()).map_err(Error::file("open", file.path()))?;
            return Self::of_folder(unpacked(from, place)?, "");
        }
        Self::of_folder(file.folder, "")
    }

    /// The folder.
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

impl Files for Arc<Context> {
    fn bring<'a>(
        &'a self,
        _paths: &'a [String],
        _part: &'a (dyn Fn(Told) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arc<Context>, Error>> {
        Box::pin(std::future::ready(Ok(Self::clone(self))))
    }
}

impl Definition {
    /// Unpacks an archive, compressed or not, below `place`; `name` is the Dockerfile within it.
    ///
    /// With `inline`, that is the Dockerfile instead.
    pub fn from_archive(
        archive: impl Read,
        place: &Path,
        name: &str,
        inline: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let folder = unpacked(archive, place)?;
        let path = folder.path().to_owned();
        Self::from_folder(path, folder, name, inline)
    }

    /// Takes a folder with a Dockerfile of that name in it; `keeper` is dropped when nobody needs the folder any more.
    pub fn from_folder(
        path: PathBuf,
        keeper: impl std::fmt::Debug + Send + Sync + 'static,
        name: &str,
        inline: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let known = c_path(path.as_os_str().as_encoded_bytes())?;
        let root = in_root::open_root(&known).map_err(Error::file("open", &path))?;
        let (dockerfile, ignore) = look(root.as_fd(), name, inline)?;
        let context = Context::new(path, ignore.clone(), keeper)?;
        // Clients that read the Dockerfile elsewhere put it into the archive under a name of their own.
        let shown = if name.starts_with(".dockerfile.") {
            "Dockerfile"
        } else {
            name
        };
        Ok(Self {
            name: shown.to_owned(),
            dockerfile,
            ignore,
            files: Arc::new(Arc::new(context)),
        })
    }

    /// What was downloaded as a build's context: an archive, or a Dockerfile without one.
    pub(crate) fn of_download(file: Downloaded, place: &Path, name: &str) -> Result<Self, Error> {
        let path = file.path();
        let opened = fs::File::open(file.folder.path());
        let opened = opened.map_err(Error::file("open", file.folder.path()))?;
        if crate::archives::is_archive_at(opened.as_fd(), file.name.as_bytes())? {
            let from = fs::File::open(&path).map_err(Error::file("open", &path))?;
            return Self::from_archive(from, place, name, None);
        }
        let text = read(opened.as_fd(), &file.name)?.unwrap_or_default();
        fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        let path = file.folder.path().to_owned();
        Self::from_folder(path, file.folder, "Dockerfile", Some(text))
    }

    /// Takes the Dockerfile and what is to be ignored from one folder, and the files from elsewhere.
    pub fn apart(
        folder: &Path,
        name: &str,
        files: impl FnOnce(&Ignore) -> Arc<dyn Files>,
    ) -> Result<Self, Error> {
        let path = c_path(folder.as_os_str().as_encoded_bytes())?;
        let root = in_root::open_root(&path).map_err(Error::file("open", folder))?;
        let (dockerfile, ignore) = look(root.as_fd(), name, None)?;
        Ok(Self {
            name: name.to_owned(),
            dockerfile,
            files: files(&ignore),
            ignore,
        })
    }
}

/// The Dockerfile, and the ignore file that belongs to it, or else that of the folder.
fn look(
    root: BorrowedFd<'_>,
    name: &str,
    inline: Option<Vec<u8>>,
) -> Result<(Vec<u8>, Ignore), Error> {
    let dockerfile = match inline {
        Some(text) => text,
        None => read(root, name)?.ok_or_else(|| {
            Error::Invalid(format!(
                "failed to read dockerfile: open {name}: no such file or directory"
            ))
        })?,
    };
    let ignore = match read(root, &format!("{name}.dockerignore"))? {
        Some(own) => Some(own),
        None => read(root, ".dockerignore")?,
    };
    let ignore = Ignore::parse(&ignore.unwrap_or_default())
        .map_err(|problem| Error::Invalid(format!("the .dockerignore: {problem}")))?;
    Ok((dockerfile, ignore))
}

/// Unpacks an archive, compressed or not, into a new folder, and reads it to its end.
fn unpacked(archive: impl Read, place: &Path) -> Result<TempDir, Error> {
    fs::create_dir_all(place).map_err(Error::file("create", place))?;
    let folder = tempfile::Builder::new()
        .prefix("context-")
        .tempdir_in(place)
        .map_err(Error::file("create a folder in", place))?;
    let path = c_path(folder.path().as_os_str().as_encoded_bytes())?;
    let root = in_root::open_root(&path).map_err(Error::file("open", folder.path()))?;
    let unreadable =
        |error| Error::Invalid(format!("the context's archive cannot be read: {error}"));
    let mut plain = gantry_archive::decode(archive)
        .map(Padded::new)
        .map_err(unreadable)?;
    gantry_engine::unpack_into(root.as_fd(), &mut plain, "the build context")?;
    // The rest of the request is read, or its sender would see a broken connection.
    std::io::copy(&mut plain, &mut std::io::sink()).map_err(unreadable)?;
    Ok(folder)
}

/// Where a directory of a folder that nobody changes really is.
pub(crate) fn real_path(folder: &TempDir, below: &str) -> Result<PathBuf, Error> {
    let known = c_path(folder.path().as_os_str().as_encoded_bytes())?;
    let root = in_root::open_root(&known).map_err(Error::file("open", folder.path()))?;
    let path = c_path(&[b"/", below.as_bytes()].concat())?;
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let found = in_root::open(root.as_fd(), &path, flags).map_err(|error| match error {
        rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => {
            Error::SourceNotFound(format!("/{}", below.trim_start_matches('/')))
        }
        other => Error::file("open", below)(other),
    })?;
    let link = format!("/proc/self/fd/{}", found.as_raw_fd());
    fs::read_link(&link).map_err(Error::file("read", link))
}

/// An archive whose last block is filled up: the stock client, given a Dockerfile on standard input, ends within one.
struct Padded<R> {
    inner: R,
    read: u64,
}

/// Archives consist of blocks of so many bytes.
const BLOCK: u64 = 512;

impl<R: Read> Padded<R> {
    fn new(inner: R) -> Self {
        Self { inner, read: 0 }
    }
}

impl<R: Read> Read for Padded<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let mut read = self.inner.read(buf)?;
        if read == 0 && !buf.is_empty() {
            let missing = usize::try_from((BLOCK - self.read % BLOCK) % BLOCK).unwrap_or(0);
            read = missing.min(buf.len());
            buf[..read].fill(0);
        }
        self.read += read as u64;
        Ok(read)
    }
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
