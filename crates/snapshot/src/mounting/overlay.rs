//! Making an overlay mount, in each way that some kernel needs.

use std::ffi::CString;
use std::fmt::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, open, openat};
use rustix::mount::{
    MountAttrFlags, MountFlags, OpenTreeFlags, UnmountFlags, mount, open_tree, unmount,
};

use super::context::{Context, MountFailure, failed};
use super::layer::through_proc;

/// What the kernel accepts: OVL_MAX_STACK.
pub(crate) const MAX_LAYERS: usize = 500;

/// `index`, `metacopy` and followed redirects would make an upper directory mean something only
/// together with its lower ones: diff and commit read it alone. `xino` gives all files of a mount
/// one device number, without which `tar --one-file-system` skips what EROFS layers hold.
const OPTIONS: [(&str, &str); 4] = [
    ("index", "off"),
    ("metacopy", "off"),
    ("redirect_dir", "nofollow"),
    ("xino", "on"),
];

/// A layer as overlay takes it.
#[derive(Debug, Clone)]
pub(crate) enum Lower {
    /// A directory of the store.
    Directory(PathBuf),
    /// A mount of its own; `attached` in the annex where the kernel wants that.
    Mount(Arc<OwnedFd>),
}

/// The writable side.
#[derive(Debug, Clone)]
pub(crate) struct Upper {
    pub(crate) upper: PathBuf,
    pub(crate) work: PathBuf,
}

/// What to stack.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// Topmost first, as overlay counts them. At least one.
    pub(crate) lowers: Vec<Lower>,
    /// Without it the mount is read-only and needs two lowers.
    pub(crate) upper: Option<Upper>,
    /// Never waits for the disk (Linux 5.10). For a mount with an upper directory.
    pub(crate) volatile: bool,
}

/// How layers are named to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// fsconfig(2) with descriptors (Linux 6.13).
    Descriptors,
    /// fsconfig(2) with `lowerdir+` and paths through `/proc/self/fd` (Linux 6.8).
    Paths,
    /// mount(2) with one string of short relative names; in the annex only.
    OneString,
}

impl Stack {
    /// Makes the mount, detached. `scratch` is a private directory for [`Way::OneString`].
    pub(super) fn mount(&self, way: Way, scratch: Option<&Path>) -> Result<OwnedFd, MountFailure> {
        match (way, scratch) {
            (Way::OneString, Some(scratch)) => self.mount_by_one_string(scratch),
            _ => self.mount_by_context(way == Way::Descriptors),
        }
    }

    fn mount_by_context(&self, by_descriptor: bool) -> Result<OwnedFd, MountFailure> {
        let context = Context::open("overlay")?;
        context.string("source", "overlay")?;
        let set = |key: &str, directory: &OwnedFd| {
            if by_descriptor {
                context.descriptor(key, directory)
            } else {
                context.string(key, &through_proc(directory))
            }
        };
        for lower in &self.lowers {
            set("lowerdir+", &lower.open()?)?;
        }
        if let Some(Upper { upper, work }) = &self.upper {
            set("upperdir", &open_directory(upper)?)?;
            set("workdir", &open_directory(work)?)?;
        }
        for (key, value) in OPTIONS {
            context.string(key, value)?;
        }
        if self.volatile {
            context.flag("volatile")?;
        }
        context.mount(self.attributes())
    }

    fn attributes(&self) -> MountAttrFlags {
        match self.upper {
            Some(_) => MountAttrFlags::empty(),
            None => MountAttrFlags::MOUNT_ATTR_RDONLY,
        }
    }

    /// mount(2) takes a page of options: 500 layers fit in under names of two letters, links in
    /// `scratch`, the current directory of this thread. The mount it makes is attached; a clone
    /// of it is not.
    fn mount_by_one_string(&self, scratch: &Path) -> Result<OwnedFd, MountFailure> {
        let links = Links::new(scratch)?;
        let mut options = String::from("lowerdir=");
        for (number, lower) in self.lowers.iter().enumerate() {
            let Lower::Directory(path) = lower else {
                let error = std::io::Error::from(std::io::ErrorKind::Unsupported);
                return Err(MountFailure::new("a mounted layer through mount(2)", error));
            };
            let name = links.add(number, path)?;
            let _ = write!(options, "{}{name}", if number > 0 { ":" } else { "" });
        }
        if let Some(Upper { upper, work }) = &self.upper {
            let upper = links.add(MAX_LAYERS, upper)?;
            let work = links.add(MAX_LAYERS + 1, work)?;
            let _ = write!(options, ",upperdir={upper},workdir={work}");
        }
        for (key, value) in OPTIONS {
            let _ = write!(options, ",{key}={value}");
        }
        if self.volatile {
            options.push_str(",volatile");
        }
        let options = CString::new(options).map_err(failed("overlay options"))?;
        std::env::set_current_dir(&links.directory).map_err(failed("chdir"))?;
        let target = scratch.join("mount");
        std::fs::create_dir_all(&target).map_err(failed("mkdir"))?;
        let flags = match self.upper {
            Some(_) => MountFlags::empty(),
            None => MountFlags::RDONLY,
        };
        mount(
            "overlay",
            &target,
            "overlay",
            flags,
            Some(options.as_c_str()),
        )
        .map_err(failed("mount overlay"))?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let clone = open_tree(CWD, &target, flags).map_err(failed("open_tree"));
        unmount(&target, UnmountFlags::DETACH).map_err(failed("umount"))?;
        clone
    }
}

impl Lower {
    fn open(&self) -> Result<OwnedFd, MountFailure> {
        match self {
            Self::Directory(path) => open_directory(path),
            // fsmount(2) returns an O_PATH descriptor; before 6.14 fsconfig(2) takes none.
            Self::Mount(fd) => openat(fd.as_fd(), c".", DIRECTORY, Mode::empty())
                .map_err(failed("open the root of a layer")),
        }
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

fn open_directory(path: &Path) -> Result<OwnedFd, MountFailure> {
    open(path, DIRECTORY, Mode::empty())
        .map_err(|e| MountFailure::new(format!("open {}", path.display()), e))
}

/// Short names for long paths, removed again with it.
struct Links {
    directory: PathBuf,
}

impl Links {
    fn new(scratch: &Path) -> Result<Self, MountFailure> {
        let directory = scratch.join("links");
        std::fs::create_dir_all(&directory).map_err(failed("mkdir"))?;
        Ok(Self { directory })
    }

    fn add(&self, number: usize, target: &Path) -> Result<String, MountFailure> {
        let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
        let name = format!("{}{}", letter(number / 26), letter(number));
        symlink(target, self.directory.join(&name)).map_err(failed("symlink"))?;
        Ok(name)
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        // In the annex's own tmpfs; what is left there goes with the process.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
