//! The contract suite: what every snapshotter must do, run against each of them in each way of
//! mounting that some kernel needs.
//!
//! The tests need root and a data root on a file system that EROFS can be mounted from (where the
//! build directory lies). They attach nothing: what they look at is reached through the
//! descriptors of detached mounts.

mod archive;
mod content;
mod failure;
mod hostile;
mod life;
mod listing;
mod loop_disk;
mod random;
mod stacking;
mod written;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gantry_reference::Digest;
use tempfile::TempDir;

use crate::dirs::Overlay;
use crate::erofs::Erofs;
use crate::mounting::{Method, Way};
use crate::{Mounted, Snapshotter};
use archive::{Archive, Layer};

/// A store in a directory of its own.
pub(super) struct Fixture {
    store: Option<Arc<dyn Snapshotter>>,
    which: Which,
    scratch: TempDir,
}

/// What to test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Which {
    driver: &'static str,
    /// One way of mounting; `None` for whichever the kernel takes.
    method: Option<Method>,
}

impl Which {
    /// The first Linux on which this works; from there on it must. The table in
    /// [`crate::mounting`] says why.
    fn since(self) -> (u32, u32) {
        match (self.driver, self.method.map(|m| (m.way, m.in_annex))) {
            ("erofs", Some((_, false))) => (6, 15),
            ("erofs", _) => (6, 12),
            (_, Some((Way::Descriptors, _))) => (6, 13),
            (_, Some((Way::Paths, _))) => (6, 8),
            (_, _) => (5, 10),
        }
    }

    fn open(self, root: &Path) -> Result<Arc<dyn Snapshotter>, crate::Error> {
        let run = root.join("run");
        let one = self.method.map(|method| [method]);
        let methods = one.as_ref().map_or(&Method::ALL[..], |one| &one[..]);
        Ok(match self.driver {
            "erofs" => Arc::new(Erofs::open_with(root, &run, methods)?),
            _ => Arc::new(Overlay::open_with(root, &run, methods)?),
        })
    }
}

impl Fixture {
    /// `None`, with the reason printed, on a kernel too old for it.
    fn new(which: Which) -> Option<Self> {
        if kernel() < which.since() {
            println!("skipped: {which:?} needs Linux {:?}", which.since());
            return None;
        }
        let scratch = scratch();
        let store = which.open(scratch.path()).unwrap();
        Some(Self {
            store: Some(store),
            which,
            scratch,
        })
    }

    fn store(&self) -> &dyn Snapshotter {
        self.store.as_deref().unwrap()
    }

    fn is_erofs(&self) -> bool {
        self.which.driver == "erofs"
    }

    /// The driver's directory.
    fn root(&self) -> PathBuf {
        self.scratch
            .path()
            .join("snapshots")
            .join(self.which.driver)
    }

    /// Ends the store, as the daemon's end does, and opens it again.
    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(self.which.open(self.scratch.path()).unwrap());
    }

    fn add(&self, archive: Archive) -> Digest {
        let Layer { diff_id, tar } = archive.finish();
        self.store().ingest(&diff_id, &mut &tar[..]).unwrap();
        diff_id
    }

    fn view(&self, layers: &[Digest]) -> OwnedFd {
        self.store().view(layers).unwrap().root
    }

    fn container(&self, key: &str, layers: &[Digest]) -> Mounted {
        self.store().prepare(key, layers).unwrap();
        self.store().mount(key).unwrap()
    }

    /// Nothing half-made is left, once the housekeeping is through.
    fn assert_clean(mut self) {
        let tmp = self.root().join("tmp");
        self.store = None;
        assert_eq!(
            std::fs::read_dir(&tmp).unwrap().count(),
            0,
            "{}",
            tmp.display()
        );
    }
}

/// Major and minor version of the running kernel.
fn kernel() -> (u32, u32) {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// A directory on the disk that the tests are built on (`/tmp` may be a tmpfs).
fn scratch() -> TempDir {
    let program = std::env::current_exe().unwrap();
    tempfile::Builder::new()
        .prefix("snapshot")
        .tempdir_in(program.parent().unwrap())
        .unwrap()
}

/// Makes a module of tests for each implementation.
macro_rules! suite {
    (drivers $($group:ident: $($test:ident),+ ;)+) => {
        suite!(@ erofs "erofs" None; $($group: $($test),+ ;)+);
        suite!(@ overlay "overlay" None; $($group: $($test),+ ;)+);
    };
    (ways $($group:ident: $($test:ident),+ ;)+) => {
        suite!(@ mounting_erofs "erofs" Some(by(Descriptors, false)); $($group: $($test),+ ;)+);
        suite!(@ mounting_erofs_by_path "erofs" Some(by(Paths, false)); $($group: $($test),+ ;)+);
        suite!(@ mounting_erofs_in_annex "erofs" Some(by(Paths, true)); $($group: $($test),+ ;)+);
        suite!(@ mounting_overlay "overlay" Some(by(Descriptors, false)); $($group: $($test),+ ;)+);
        suite!(@ mounting_overlay_by_path "overlay" Some(by(Paths, false)); $($group: $($test),+ ;)+);
        suite!(@ mounting_overlay_by_one_string "overlay" Some(by(OneString, true));
            $($group: $($test),+ ;)+);
    };
    (@ $name:ident $driver:literal $method:expr; $($group:ident: $($test:ident),+ ;)+) => {
        mod $name {
            use super::*;
            #[allow(unused_imports)]
            use Way::{Descriptors, OneString, Paths};
            const WHICH: Which = Which { driver: $driver, method: $method };
            $($(
                #[test]
                fn $test() {
                    if let Some(fixture) = Fixture::new(WHICH) {
                        $group::$test(fixture);
                    }
                }
            )+)+
        }
    };
}

const fn by(way: Way, in_annex: bool) -> Method {
    Method { way, in_annex }
}

suite! {
    drivers
    content: every_kind_of_file, long_and_strange_names, directories_of_thousands,
        extended_attributes, hard_links, sparse_files, what_gnu_tar_writes, later_entries_win,
        missing_directories_are_made, the_archive_comes_back;
    failure: damage_leaves_nothing, wrong_digest, the_stream_breaks, a_crash_leaves_nothing,
        a_loss_of_power, unknown_names;
    written: changes_are_told, what_was_written_becomes_a_layer, archives_come_back_byte_for_byte;
    hostile: names_stay_inside, links_stay_inside, malformed_archives_are_refused;
}

suite! {
    ways
    stacking: whiteouts_hide, opaque_directories_hide, a_whiteout_spares_its_own_layer,
        five_hundred_layers, a_repeated_layer, an_image_from_scratch, containers_are_independent,
        the_root_is_everybodys, nothing_is_mounted_for_others_to_see;
    life: ingest_is_idempotent, one_layer_many_threads, layers_in_use_stay,
        snapshots_outlive_the_daemon, usage_counts_what_was_written,
        layer_mounts_are_shared_and_adopted, renames_and_copy_up, volatile_mounts;
}
