//! Layers as directories: the `overlay` storage driver.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use gantry_reference::{Algorithm, Digest};
use rustix::io::Errno;

use crate::error::at;
use crate::housekeeping::SyncHow;
use crate::layers::{Layers, Record};
use crate::mounting::{Lower, Method, MountFailure, Mounter};
use crate::skeleton::{Archive, Notes, Recorder};
use crate::store::{Driver, Store, WriteError, driver_root, unsupported, verified};
use crate::unpack::{materialise, read_and_stage};
use crate::{Error, intake};

/// The name of a layer's tree in its directory.
const TREE: &str = "fs";
/// File content on its way into the tree.
const STAGED: &str = "staged";

/// Unpacks each layer into a directory.
pub(crate) struct Overlay {
    mounter: Mounter,
}

impl Overlay {
    /// Opens the store below `data_root`.
    pub(crate) fn open(data_root: &Path, run_root: &Path) -> Result<Store<Self>, Error> {
        Self::open_with(data_root, run_root, &Method::ALL)
    }

    /// The same with some methods of mounting only.
    pub(crate) fn open_with(
        data_root: &Path,
        run_root: &Path,
        methods: &[Method],
    ) -> Result<Store<Self>, Error> {
        let layers = Layers::open(driver_root(data_root, Self::NAME), SyncHow::FileSystem)?;
        let scratch = layers.staging()?;
        let lower = scratch.path().join("lower");
        fs::create_dir(&lower).map_err(at("create", &lower))?;
        let lower = || Ok::<_, MountFailure>(Lower::Directory(lower.clone()));
        let mounter = Mounter::probe(methods, run_root, scratch.path(), lower)
            .map_err(|failure| unsupported(Self::NAME, data_root)(explained(failure)))?;
        drop(scratch);
        Store::open(layers, Self { mounter })
    }
}

impl Driver for Overlay {
    const NAME: &'static str = "overlay";

    fn write_layer(
        &self,
        directory: &Path,
        expected: Option<&Digest>,
        tar: &mut dyn Read,
    ) -> Result<Record, Error> {
        let staged = make_directory(&directory.join(STAGED))?;
        let notes = Notes::create(directory).map_err(at("write to", directory))?;
        let notes = RefCell::new(notes);
        let algorithm = expected.map_or(Algorithm::Sha256, Digest::algorithm);
        let outcome = intake::run(tar, algorithm, None, |intake| {
            let mut archive = Recorder::new(&mut *intake, &notes);
            let result = read_and_stage(&mut archive, staged.as_fd(), &notes);
            if let Err(WriteError::Io(_)) = &result {
                intake.abandon();
            } else {
                // A source that fails here has told the intake why.
                drop(archive.drain());
            }
            result
        });
        let (tree, record) = verified(outcome, expected, directory)?;
        let root = make_directory(&directory.join(TREE))?;
        match materialise(&tree, staged.as_fd(), root) {
            Ok(()) => {}
            Err(WriteError::Io(error)) => return Err(at("write to", directory)(error)),
            Err(WriteError::Archive(source)) => {
                return Err(Error::Archive {
                    layer: record.diff_id,
                    source,
                });
            }
        }
        notes
            .into_inner()
            .finish(&tree, directory, TREE, STAGED)
            .map_err(at("write to", directory))?;
        let staged = directory.join(STAGED);
        fs::remove_dir_all(&staged).map_err(at("remove", &staged))?;
        Ok(record)
    }

    fn lower(&self, _diff_id: &Digest, directory: &Path) -> Result<Lower, Error> {
        Ok(Lower::Directory(directory.join(TREE)))
    }

    fn keep(&self, _lowers: &[Lower]) -> Result<Vec<OwnedFd>, Error> {
        Ok(Vec::new())
    }

    fn adopt(&self, _layers: &[Digest], _keep: Vec<OwnedFd>) {}

    fn forget(&self, _diff_id: &Digest) {}

    fn open_tar(&self, directory: &Path) -> std::io::Result<Option<Box<dyn Read + Send>>> {
        Ok(Archive::open(directory)?.map(|archive| Box::new(archive) as Box<dyn Read + Send>))
    }

    fn mounter(&self) -> &Mounter {
        &self.mounter
    }
}

fn make_directory(path: &Path) -> Result<OwnedFd, Error> {
    fs::create_dir(path).map_err(at("create", path))?;
    Ok(File::open(path).map_err(at("open", path))?.into())
}

/// Says what a person can do about the usual reasons.
fn explained(failure: MountFailure) -> MountFailure {
    let hint = match failure.source.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::INVAL) => {
            "its file system cannot hold the upper directory of an overlay, as one that is an \
             overlay itself or a network's cannot; use another data-root"
        }
        Some(Errno::NODEV) => "this kernel has no overlay file system",
        Some(Errno::PERM) => "mounting needs root's rights",
        _ => return failure,
    };
    MountFailure {
        step: format!("{hint} ({})", failure.step),
        source: failure.source,
    }
}
