//! The files that a build, or an operation of one, came to, for whoever looks into them.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use gantry_dockerfile::Ignore;
use gantry_reference::Digest;
use gantry_sys::in_root;
use rustix::fs::{AtFlags, Dir, FileType, OFlags, Stat};
use rustix::io::Errno;

use crate::copy::Origin;
use crate::files::c_path;
use crate::mounts::BindSource;
use crate::{Builder, Context, Error};

/// More of a file is told in parts only: clients refuse larger messages.
const READ_MAX: u64 = 16 << 20;

/// Files: a folder, or layers one upon the other. A clone is the same ones.
#[derive(Clone)]
pub struct Filesystem {
    builder: Builder,
    pub(crate) source: BindSource,
}

/// A file, as somebody who asks is told of it.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: Vec<u8>,
    /// What the kernel says of it.
    pub stat: Stat,
    /// Where it leads, if it is a symbolic link.
    pub link: Vec<u8>,
}

impl std::fmt::Debug for Filesystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filesystem").finish_non_exhaustive()
    }
}

impl Filesystem {
    pub(crate) fn of_layers(builder: &Builder, layers: Vec<Digest>) -> Self {
        Self {
            builder: builder.clone(),
            source: BindSource::Layers(layers),
        }
    }

    pub(crate) fn of_context(builder: &Builder, context: Context) -> Self {
        Self {
            builder: builder.clone(),
            source: BindSource::Context(Arc::new(context)),
        }
    }

    pub(crate) fn of_shared(builder: &Builder, context: Arc<Context>) -> Self {
        Self {
            builder: builder.clone(),
            source: BindSource::Context(context),
        }
    }

    /// Whether the files are no layers.
    pub fn is_folder(&self) -> bool {
        matches!(self.source, BindSource::Context(_))
    }

    /// The files as a build's context, of which some are left out.
    pub fn context(&self, ignore: Ignore) -> Result<Arc<Context>, Error> {
        let through = |root: BorrowedFd<'_>| -> PathBuf {
            format!("/proc/self/fd/{}", root.as_raw_fd()).into()
        };
        let context = match &self.source {
            BindSource::Context(context) if ignore.is_empty() => return Ok(Arc::clone(context)),
            BindSource::Context(context) => {
                Context::new(through(context.root()), ignore, Arc::clone(context))?
            }
            BindSource::Layers(layers) => {
                let root = self.view(layers)?;
                Context::new(through(root.as_fd()), ignore, root)?
            }
        };
        Ok(Arc::new(context))
    }

    /// Where files are copied from.
    pub(crate) fn origin(&self) -> Result<Origin, Error> {
        Ok(match &self.source {
            BindSource::Context(context) => Origin::Context(Arc::clone(context)),
            BindSource::Layers(layers) => Origin::Root(Arc::new(self.view(layers)?)),
        })
    }

    fn view(&self, layers: &[Digest]) -> Result<OwnedFd, Error> {
        let snapshots = self.builder.engine.images.store().snapshotter();
        Ok(snapshots.view(layers)?.root)
    }

    fn with_root<T>(
        &self,
        look: impl FnOnce(BorrowedFd<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match &self.source {
            BindSource::Context(context) => look(context.root()),
            BindSource::Layers(layers) => look(self.view(layers)?.as_fd()),
        }
    }

    /// What a path leads to; links are followed within the root. Blocks.
    pub fn stat(&self, path: &str) -> Result<Entry, Error> {
        self.with_root(|root| {
            let found = open(root, path, OFlags::PATH)?;
            let name = crate::files::normal(path.as_bytes());
            let name = name.rsplit(|b| *b == b'/').next().unwrap_or_default();
            let stat = rustix::fs::fstat(&found).map_err(told("stat", path))?;
            Ok(Entry {
                name: if name.is_empty() { b"/" } else { name }.to_vec(),
                stat,
                link: Vec::new(),
            })
        })
    }

    /// What is in a file, from a byte on and so many of them at most. Blocks.
    pub fn read(&self, path: &str, range: Option<(u64, u64)>) -> Result<Vec<u8>, Error> {
        self.with_root(|root| {
            // Looked at before it is opened: opening a device may do something.
            let found = open(root, path, OFlags::PATH)?;
            let stat = rustix::fs::fstat(&found).map_err(told("stat", path))?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Err(Error::Invalid(format!("{path} is not a regular file")));
            }
            let opened = File::open(format!("/proc/self/fd/{}", found.as_raw_fd()));
            let mut file = opened.map_err(Error::file("open", path))?;
            let (from, most) = range.unwrap_or((0, u64::MAX));
            file.seek(SeekFrom::Start(from))
                .map_err(Error::file("read", path))?;
            let mut bytes = Vec::new();
            file.take(most.min(READ_MAX + 1))
                .read_to_end(&mut bytes)
                .map_err(Error::file("read", path))?;
            if bytes.len() as u64 > READ_MAX {
                return Err(Error::Invalid(format!(
                    "{path} has more than 16 MiB to be told at once: ask for a range of it"
                )));
            }
            Ok(bytes)
        })
    }

    /// What is in a directory, names in order; with a pattern what fits it alone. Blocks.
    pub fn list(&self, path: &str, pattern: &str) -> Result<Vec<Entry>, Error> {
        let wanted = Ignore::new([pattern])
            .map_err(|problem| Error::Invalid(format!("the pattern {pattern:?}: {problem}")))?;
        self.with_root(|root| {
            let folder = open(root, path, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let mut names = Vec::new();
            for entry in Dir::read_from(&folder).map_err(told("open", path))? {
                let entry = entry.map_err(told("open", path))?;
                let name = entry.file_name();
                let fits = || wanted.matches(&name.to_string_lossy());
                if name != c"." && name != c".." && (wanted.is_empty() || fits()) {
                    names.push(name.to_owned());
                }
            }
            names.sort_unstable();
            let look = |name: &std::ffi::CString| -> rustix::io::Result<Entry> {
                let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                let link = match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Symlink => {
                        rustix::fs::readlinkat(&folder, name, Vec::new())?.into_bytes()
                    }
                    _ => Vec::new(),
                };
                Ok(Entry {
                    name: name.to_bytes().to_vec(),
                    stat,
                    link,
                })
            };
            let entries = names.iter().map(look).collect::<Result<Vec<_>, Errno>>();
            entries.map_err(told("lstat", path))
        })
    }
}

/// Opens a path of a root that links do not lead out of.
fn open(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Error> {
    let name = c_path(&[b"/", path.as_bytes()].concat())?;
    in_root::open(root, &name, flags).map_err(told("open", path))
}

/// In the words that clients know of Go's programs.
fn told(action: &'static str, path: &str) -> impl FnOnce(Errno) -> Error {
    move |error| match error {
        Errno::NOENT => Error::NotFound(format!("{action} {path}: no such file or directory")),
        Errno::NOTDIR => Error::NotFound(format!("{action} {path}: not a directory")),
        other => Error::file(action, path)(other),
    }
}
