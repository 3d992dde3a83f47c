//! Which way of mounting this kernel takes.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::annex::Annex;
use super::context::MountFailure;
use super::overlay::{Lower, Stack, Upper, Way};

/// Makes overlay mounts the way that was found to work.
#[derive(Debug, Clone)]
pub(crate) struct Mounter {
    way: Way,
    annex: Option<Annex>,
}

/// A [`Way`], and whether it needs the annex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    pub(crate) way: Way,
    pub(crate) in_annex: bool,
}

impl Method {
    /// All there are, the best first.
    pub(crate) const ALL: [Self; 5] = [
        Self {
            way: Way::Descriptors,
            in_annex: false,
        },
        Self {
            way: Way::Paths,
            in_annex: false,
        },
        Self {
            way: Way::Descriptors,
            in_annex: true,
        },
        Self {
            way: Way::Paths,
            in_annex: true,
        },
        Self {
            way: Way::OneString,
            in_annex: true,
        },
    ];
}

impl Mounter {
    /// Tries each of `methods` on `lower`, with a writable side made in `scratch`, until one
    /// works. The error is that of the first, best method.
    pub(crate) fn probe(
        methods: &[Method],
        run_root: &Path,
        scratch: &Path,
        lower: impl Fn() -> Result<Lower, MountFailure>,
    ) -> Result<Self, MountFailure> {
        let mut first_failure = None;
        for method in methods {
            match Self::attempt(*method, run_root, scratch, lower()?) {
                Ok(mounter) => return Ok(mounter),
                Err(failure) => {
                    tracing::debug!(?method, %failure, "overlay mounts cannot be made this way");
                    first_failure.get_or_insert(failure);
                }
            }
        }
        let none = || MountFailure::new("no method", std::io::ErrorKind::Unsupported);
        Err(first_failure.unwrap_or_else(none))
    }

    fn attempt(
        method: Method,
        run_root: &Path,
        scratch: &Path,
        lower: Lower,
    ) -> Result<Self, MountFailure> {
        let annex = if method.in_annex {
            Some(Annex::start(&annex_directory(run_root))?)
        } else {
            None
        };
        let mounter = Self {
            way: method.way,
            annex,
        };
        mounter.admit(&lower)?;
        let name = format!("{:?}-{}", method.way, method.in_annex);
        let upper = Upper {
            upper: scratch.join(format!("{name}-upper")),
            work: scratch.join(format!("{name}-work")),
        };
        for directory in [&upper.upper, &upper.work] {
            std::fs::create_dir_all(directory)
                .map_err(|e| MountFailure::new(format!("mkdir {}", directory.display()), e))?;
        }
        mounter.mount(Stack {
            lowers: vec![lower],
            upper: Some(upper),
            volatile: true,
        })?;
        Ok(mounter)
    }

    /// Makes a mounted layer fit for stacking; to be called once for each.
    pub(crate) fn admit(&self, lower: &Lower) -> Result<(), MountFailure> {
        match (&self.annex, lower) {
            (Some(annex), Lower::Mount(mount)) => annex.attach(Arc::clone(mount)),
            _ => Ok(()),
        }
    }

    /// Undoes [`Self::admit`].
    pub(crate) fn release(&self, mount: Arc<OwnedFd>) {
        if let Some(annex) = &self.annex
            && let Err(failure) = annex.detach(mount)
        {
            tracing::warn!(%failure, "a removed layer stays mounted until the daemon ends");
        }
    }

    /// Whether a layer mount handed out can be taken back by another process: one that has been
    /// attached goes with its namespace.
    pub(crate) fn mounts_can_be_kept(&self) -> bool {
        self.annex.is_none()
    }

    /// Makes an overlay mount, detached.
    pub(crate) fn mount(&self, stack: Stack) -> Result<OwnedFd, MountFailure> {
        match &self.annex {
            Some(annex) => annex.mount(stack, self.way),
            None => stack.mount(self.way, None),
        }
    }
}

fn annex_directory(run_root: &Path) -> PathBuf {
    run_root.join("mount-annex")
}
