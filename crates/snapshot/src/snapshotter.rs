//! The contract that every snapshotter keeps.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gantry_reference::Digest;

use crate::{Change, Error};

/// What is known of a layer that the store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// The digest of the uncompressed tar.
    pub diff_id: Digest,
    /// Bytes of file content, added up over the tar's headers: what Docker calls a layer's size.
    pub size: u64,
    /// Bytes of the uncompressed tar itself.
    pub tar_size: u64,
    /// Entries of the tar.
    pub entries: u64,
}

/// A root file system, ready to be attached.
#[derive(Debug)]
pub struct Mounted {
    /// A detached mount (as `fsmount` returns it). `move_mount` it into the container's mount
    /// namespace. Once the last reference to it is closed or unmounted it is gone.
    pub root: OwnedFd,
    /// One detached mount per layer that the kernel mounts, lowest first, at most 128 (a message
    /// between processes carries 253 descriptors); empty where layers are plain directories or
    /// the kernel cannot reuse them. The mount in `root` works without them.
    /// They are for the monitor to keep and for a restarted daemon to hand to
    /// [`Snapshotter::adopt`], so that the containers before and after the restart share one page
    /// cache.
    pub keep: Vec<OwnedFd>,
}

/// What a snapshot's writable side takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of file content; a hard-linked file counts once (Docker's `SizeRw`).
    pub bytes: u64,
    /// Files, directories and everything else, without the snapshot's own root.
    pub inodes: u64,
}

/// Keeps layers and makes container roots of them.
///
/// # Layers
///
/// A layer is named by its diff ID and is either whole or absent: no state between the two can be
/// seen, by other threads, or after a crash or a loss of power. Layers know nothing of each other
/// and may be ingested in any order and at the same time. A layer's content never changes.
///
/// # Snapshots
///
/// A snapshot is a writable directory on top of a list of layers, under a key that the caller
/// chooses (a container's ID). It outlives the daemon and the machine's restarts; mounts made of
/// it do not, and cost a millisecond to make again.
///
/// # A worked example
///
/// An image with two layers, a container from it, and both gone again:
///
/// ```no_run
/// # use gantry_reference::Digest;
/// # use std::{fs::File, path::Path};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (base, app): (Digest, Digest) = (unreachable!(), unreachable!());
/// let store = gantry_snapshot::open(Path::new("/var/lib/gantry"), Path::new("/run/gantry"), None)?;
///
/// // Pull: each layer goes through once, decompressed, in any order.
/// for (diff_id, path) in [(&app, "app.tar"), (&base, "base.tar")] {
///     if store.layer(diff_id)?.is_none() {
///         store.ingest(diff_id, &mut File::open(path)?)?;
///     }
/// }
///
/// // Create: the list is lowest first, as in the image configuration's `rootfs.diff_ids`.
/// store.prepare("4f1c", &[base.clone(), app.clone()])?;
///
/// // Start (as often as wanted): a detached mount for the container's monitor.
/// let mounted = store.mount("4f1c")?;
/// drop(mounted); // unmounted, unless somebody else got it
///
/// // Remove: first what stands on the layers, then the layers.
/// store.remove("4f1c")?;
/// store.remove_layer(&app)?;
/// store.remove_layer(&base)?;
/// # Ok(()) }
/// ```
///
/// All methods block on the disk or the kernel and may be called from any thread at any time.
pub trait Snapshotter: Send + Sync {
    /// The storage driver's name: `erofs` or `overlay`.
    fn name(&self) -> &'static str;

    /// Takes in a layer.
    ///
    /// Reads `tar` to its end, and keeps the layer only if all bytes hash to `diff_id` and the
    /// archive is sound; otherwise nothing is kept and the error says why. If the layer is there
    /// already, returns at once without reading. If another thread is at it, waits for that one's
    /// success and then does the same (and takes over should the other fail).
    fn ingest(&self, diff_id: &Digest, tar: &mut dyn Read) -> Result<LayerInfo, Error>;

    /// Takes in a layer whose digest is not known beforehand: one that is being made here.
    ///
    /// As [`Snapshotter::ingest`] otherwise. `known` is called with the digest before the layer can
    /// be seen by others, so that the caller can keep it from being removed as unneeded.
    fn take(&self, tar: &mut dyn Read, known: &mut dyn FnMut(&Digest)) -> Result<LayerInfo, Error>;

    /// What is known of a layer; `None` if it is not here.
    fn layer(&self, diff_id: &Digest) -> Result<Option<LayerInfo>, Error>;

    /// All layers, in no order.
    fn layers(&self) -> Result<Vec<Digest>, Error>;

    /// Forgets a layer and frees its space.
    ///
    /// No error if it is not there. [`Error::LayerInUse`] while a snapshot names it.
    fn remove_layer(&self, diff_id: &Digest) -> Result<(), Error>;

    /// The layer's uncompressed tar, byte for byte as it was ingested.
    ///
    /// [`Error::NotKept`] from a driver that does not keep it.
    fn open_tar(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>, Error>;

    /// Makes a snapshot: an empty writable directory on top of `layers`, lowest first.
    ///
    /// Its root directory is root's with mode 0755 whatever the layers say of `/`, as Docker's are:
    /// images packed from a private directory run as any user. An empty list is fine (an image
    /// from scratch).
    fn prepare(&self, key: &str, layers: &[Digest]) -> Result<(), Error> {
        self.prepare_limited(key, layers, None)
    }

    /// The same with room for so many bytes, kept by the file system; [`Error::NoQuota`] where it
    /// cannot.
    fn prepare_limited(&self, key: &str, layers: &[Digest], size: Option<u64>)
    -> Result<(), Error>;

    /// Whether the file system can limit snapshots; the error says what is missing.
    fn check_quota(&self) -> Result<(), Error>;

    /// Mounts a snapshot, writable.
    ///
    /// A snapshot may have one mount at a time: the kernel leaves undefined what two overlays
    /// with one upper directory do.
    fn mount(&self, key: &str) -> Result<Mounted, Error>;

    /// Mounts a snapshot, writable, for a container that is removed when it ends (`--rm`).
    ///
    /// Nothing that happens in the mount waits for the disk: fsync(2) inside it does nothing, and
    /// its end does not write out the host's file system, which an overlay mount otherwise does
    /// and which takes 10 ms and more. After a loss of power such a snapshot cannot be mounted
    /// again, only removed.
    fn mount_volatile(&self, key: &str) -> Result<Mounted, Error>;

    /// Mounts layers read-only, lowest first, with no snapshot behind them.
    fn view(&self, layers: &[Digest]) -> Result<Mounted, Error>;

    /// Takes back what [`Mounted::keep`] gave out, after a restart of the daemon, so that later
    /// mounts share the page cache of those that still run. `keep` must be what `mount` returned
    /// for `key`; descriptors that are of no use are closed.
    fn adopt(&self, key: &str, keep: Vec<OwnedFd>) -> Result<(), Error>;

    /// Removes a snapshot and all that was written to it. No error if it is not there.
    fn remove(&self, key: &str) -> Result<(), Error>;

    /// Counts what has been written to a snapshot.
    fn usage(&self, key: &str) -> Result<Usage, Error>;

    /// How a snapshot differs from its layers: Docker's `diff`. Each directory comes before what is
    /// in it. What a runtime makes to mount things over is left out.
    fn changes(&self, key: &str) -> Result<Vec<Change>, Error>;

    /// Writes what a snapshot has over its layers as a layer's archive, whiteouts and all.
    fn pack(&self, key: &str, out: &mut dyn Write) -> Result<(), Error>;

    /// The keys of all snapshots, sorted.
    fn list(&self) -> Result<Vec<String>, Error>;

    /// The directory that holds a snapshot's changes in overlay's form (whiteouts as 0/0
    /// character devices). While the snapshot is mounted, only to be read.
    fn upper(&self, key: &str) -> PathBuf;
}

/// Opens the snapshot store below `data_root`, after asking the kernel what it can do.
///
/// `choice` is the configured storage driver; `None` takes the one that already holds snapshots
/// here, else EROFS where it works, else unpacked directories. A chosen driver that cannot work
/// is an error that says why. Leftovers of interrupted work are cleared. `run_root` is for
/// short-lived private state. Only one process may have a store open (the daemon's own lock on
/// the data root sees to that).
pub fn open(
    data_root: &Path,
    run_root: &Path,
    choice: Option<&str>,
) -> Result<Arc<dyn Snapshotter>, Error> {
    crate::store::open(data_root, run_root, choice)
}
