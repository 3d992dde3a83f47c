//! Keeping and mounting tars with their indexes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gantry_reference::{Algorithm, Digest};
use rustix::fs::{Mode, OFlags, openat};

use super::index::{IndexError, write_index};
use crate::error::{at, mounting};
use crate::housekeeping::SyncHow;
use crate::layers::{Layers, Record};
use crate::mounting::{
    LayerFiles, Lower, Method, MountFailure, Mounter, mount_layer, mounted_volume, volume_id,
};
use crate::store::{Driver, Store, driver_root, unsupported, verified};
use crate::tar::{ArchiveError, Attributes, Data, Entry, Kind, Reader};
use crate::tree::Tree;
use crate::{Error, intake};

const TAR: &str = "layer.tar";
const INDEX: &str = "layer.erofs";
/// The tar is padded to this, so that whole pages of it can be read.
const PAGE: u64 = 4096;

/// Layers handed out to be kept, the lowest ones: these are what images share.
const MAX_KEPT: usize = 128;

/// Mounts each layer where it lies.
pub(crate) struct Erofs {
    mounter: Mounter,
    direct: bool,
    /// Each layer's one mount, made when first wanted, kept until the layer is removed.
    mounts: Mutex<HashMap<Digest, Arc<OwnedFd>>>,
}

impl Erofs {
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
        let layers = Layers::open(
            driver_root(data_root, Self::NAME),
            SyncHow::Files(&[TAR, INDEX]),
        )?;
        let scratch = layers.staging()?;
        let probe = Probe::write(scratch.path()).map_err(at("write to", scratch.path()))?;
        let refused = |failure| unsupported(Self::NAME, data_root)(explained(failure));
        let direct = probe.find_direct().map_err(refused)?;
        let lower = || Ok(Lower::Mount(Arc::new(mount_layer(&probe.files, direct)?)));
        let mounter = Mounter::probe(methods, run_root, scratch.path(), lower)
            .map_err(unsupported(Self::NAME, data_root))?;
        tracing::debug!(?mounter, direct, "layers can be mounted");
        drop(scratch);
        Store::open(
            layers,
            Self {
                mounter,
                direct,
                mounts: Mutex::default(),
            },
        )
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Arc<OwnedFd>>> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for Erofs {
    const NAME: &'static str = "erofs";

    fn write_layer(
        &self,
        directory: &Path,
        expected: Option<&Digest>,
        tar: &mut dyn Read,
    ) -> Result<Record, Error> {
        let tar_path = directory.join(TAR);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&tar_path)
            .map_err(at("create", &tar_path))?;
        let copy = file.try_clone().map_err(at("open", &tar_path))?;
        let algorithm = expected.map_or(Algorithm::Sha256, Digest::algorithm);
        let outcome = intake::run(tar, algorithm, Some(copy), |intake| read_tree(intake));
        let (tree, record) = verified(outcome, expected, directory)?;
        file.set_len(record.tar_size.next_multiple_of(PAGE))
            .map_err(at("pad", &tar_path))?;
        let index_path = directory.join(INDEX);
        write_index_file(
            &index_path,
            &tree,
            &file,
            record.tar_size,
            volume_uuid(&record.diff_id),
        )
        .map_err(|error| match error {
            IndexError::Io(error) => at("write", &index_path)(error),
            IndexError::Archive(source) => Error::Archive {
                layer: record.diff_id.clone(),
                source,
            },
        })?;
        Ok(record)
    }

    fn lower(&self, diff_id: &Digest, directory: &Path) -> Result<Lower, Error> {
        let mut mounts = self.lock();
        if let Some(mount) = mounts.get(diff_id) {
            return Ok(Lower::Mount(Arc::clone(mount)));
        }
        let open = |name: &str| {
            let path = directory.join(name);
            File::open(&path).map_err(at("open", &path))
        };
        let files = LayerFiles {
            index: open(INDEX)?,
            tar: open(TAR)?,
        };
        let failed = |failure| mounting(format!("layer {diff_id}"))(failure);
        let mount = Arc::new(mount_layer(&files, self.direct).map_err(failed)?);
        let lower = Lower::Mount(Arc::clone(&mount));
        self.mounter.admit(&lower).map_err(failed)?;
        mounts.insert(diff_id.clone(), mount);
        Ok(lower)
    }

    fn keep(&self, lowers: &[Lower]) -> Result<Vec<OwnedFd>, Error> {
        if !self.mounter.mounts_can_be_kept() {
            return Ok(Vec::new());
        }
        let mounts = lowers.iter().rev().filter_map(|lower| match lower {
            Lower::Mount(mount) => Some(mount),
            Lower::Directory(_) => None,
        });
        let path = Path::new("a layer's descriptor");
        mounts
            .take(MAX_KEPT)
            .map(|mount| mount.try_clone().map_err(at("duplicate", path)))
            .collect()
    }

    fn adopt(&self, layers: &[Digest], keep: Vec<OwnedFd>) {
        if !self.mounter.mounts_can_be_kept() {
            return;
        }
        let mut mounts = self.lock();
        for fd in keep {
            let Some(volume) = mounted_volume(&fd) else {
                continue;
            };
            let of_layer = |diff_id: &&Digest| volume_id(volume_uuid(diff_id)) == volume;
            if let Some(diff_id) = layers.iter().find(of_layer) {
                mounts
                    .entry(diff_id.clone())
                    .or_insert_with(|| Arc::new(fd));
            }
        }
    }

    fn forget(&self, diff_id: &Digest) {
        if let Some(mount) = self.lock().remove(diff_id) {
            self.mounter.release(mount);
        }
    }

    fn open_tar(&self, directory: &Path) -> io::Result<Option<Box<dyn Read + Send>>> {
        Ok(Some(Box::new(File::open(directory.join(TAR))?)))
    }

    fn mounter(&self) -> &Mounter {
        &self.mounter
    }
}

fn read_tree<R: BufRead>(archive: R) -> Result<Tree, ArchiveError> {
    let mut tree = Tree::new();
    let mut reader = Reader::new(archive);
    while let Some(entry) = reader.next_entry()? {
        tree.apply(entry)?;
    }
    tree.finish();
    Ok(tree)
}

fn write_index_file(
    path: &Path,
    tree: &Tree,
    tar: &File,
    tar_size: u64,
    uuid: [u8; 16],
) -> Result<(), IndexError> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    write_index(tree, tar, tar_size, uuid, &mut out)?;
    out.flush()?;
    Ok(())
}

/// A volume's UUID is the start of its layer's digest, by which an adopted mount is recognised.
fn volume_uuid(diff_id: &Digest) -> [u8; 16] {
    let hex = diff_id.hex();
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap_or_default())
}

/// A layer with one file, to see what the kernel makes of it.
struct Probe {
    files: LayerFiles,
}

impl Probe {
    const CONTENT: [u8; 512] = [0xA5; 512];

    fn write(directory: &Path) -> io::Result<Self> {
        let (tar, index) = (directory.join(TAR), directory.join(INDEX));
        // A header is not needed: only the index is read. The file starts at an odd block.
        let mut content = vec![0; PAGE as usize];
        content[512..1024].copy_from_slice(&Self::CONTENT);
        std::fs::write(&tar, content)?;
        let data = Data {
            size: 512,
            offset: 512,
            stored: 512,
            sparse: None,
        };
        let mut tree = Tree::new();
        let entry = Entry {
            path: b"file".to_vec(),
            attributes: Attributes {
                mode: 0o644,
                ..Attributes::default()
            },
            kind: Kind::File(data),
        };
        tree.apply(entry).map_err(io::Error::other)?;
        let tar = File::open(&tar)?;
        write_index_file(&index, &tree, &tar, PAGE, [0x67; 16]).map_err(io::Error::other)?;
        Ok(Self {
            files: LayerFiles {
                index: File::open(&index)?,
                tar,
            },
        })
    }

    /// Whether layers can be read past the page cache; an error if they cannot be read at all.
    fn find_direct(&self) -> Result<bool, MountFailure> {
        match self.read_back(true) {
            Ok(()) => Ok(true),
            Err(failure) => {
                tracing::debug!(%failure, "layers cannot be read past the page cache");
                self.read_back(false).map(|()| false)
            }
        }
    }

    fn read_back(&self, direct: bool) -> Result<(), MountFailure> {
        let mount = mount_layer(&self.files, direct)?;
        let failed = |e: io::Error| MountFailure::new("read from a mounted layer", e);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file =
            openat(mount.as_fd(), c"file", flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        let mut content = [0; 512];
        File::from(file).read_exact(&mut content).map_err(failed)?;
        if content == Self::CONTENT {
            Ok(())
        } else {
            Err(failed(io::Error::from(io::ErrorKind::InvalidData)))
        }
    }
}

/// Says what a person can do about the two usual reasons.
fn explained(failure: MountFailure) -> MountFailure {
    let hint = match failure
        .source
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error)
    {
        Some(rustix::io::Errno::NODEV) => {
            "this kernel has no EROFS; use storage-driver \"overlay\""
        }
        Some(rustix::io::Errno::NOTBLK) => {
            "EROFS needs Linux 6.12 and a data root on ext4, xfs or btrfs; \
             use storage-driver \"overlay\" or another data-root"
        }
        Some(rustix::io::Errno::PERM) => "mounting needs root's rights",
        _ => return failure,
    };
    MountFailure {
        step: format!("{hint} ({})", failure.step),
        source: failure.source,
    }
}
