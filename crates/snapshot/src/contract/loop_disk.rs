//! Stores on disks of other kinds: large sectors, too small ones, and memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use gantry_sys::namespaces::in_private_mounts;
use rustix::fs::CWD;
use rustix::mount::{MountFlags, MoveMountFlags, mount, move_mount};

use super::archive::{Archive, Layer};
use super::listing::inside;
use super::scratch;
use crate::{Kind, open};

/// A loop device, detached again in the end.
struct LoopDevice(PathBuf);

impl LoopDevice {
    /// `None`, with the reason printed, where there are no loop devices to be had.
    fn new(file: &Path, megabytes: u64, sector: u32) -> Option<Self> {
        File::create(file)
            .unwrap()
            .set_len(megabytes << 20)
            .unwrap();
        let made = Command::new("losetup")
            .args(["--find", "--show", "--sector-size", &sector.to_string()])
            .arg(file)
            .output();
        match made {
            Ok(made) if made.status.success() => {
                let path = String::from_utf8(made.stdout).unwrap();
                Some(Self(path.trim().into()))
            }
            Ok(made) => {
                println!(
                    "skipped: losetup: {}",
                    String::from_utf8_lossy(&made.stderr)
                );
                None
            }
            Err(error) => {
                println!("skipped: losetup: {error}");
                None
            }
        }
    }

    fn format(&self) {
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-F"])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(made.success());
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _ = Command::new("losetup")
            .arg("--detach")
            .arg(&self.0)
            .status();
    }
}

/// Runs `work` with a new ext4 file system of its own, mounted for it only.
fn on_disk(megabytes: u64, sector: u32, work: impl FnOnce(&Path) + Send) {
    let scratch = scratch();
    let Some(device) = LoopDevice::new(&scratch.path().join("disk"), megabytes, sector) else {
        return;
    };
    device.format();
    let place = scratch.path().join("mounted");
    fs::create_dir(&place).unwrap();
    in_private_mounts(|| {
        mount(&device.0, &place, "ext4", MountFlags::empty(), None).unwrap();
        work(&place);
    })
    .unwrap();
}

fn sample(megabytes: usize) -> Layer {
    let mut archive = Archive::default();
    for i in 0..megabytes {
        archive = archive.file(&format!("file{i}"), &vec![i as u8 + 1; 1 << 20]);
    }
    archive.file("last", b"last").finish()
}

fn read_through(root: &Path, choice: Option<&str>, expected: Option<&str>) {
    let store = open(root, &root.join("run"), choice).unwrap();
    if let Some(expected) = expected {
        assert_eq!(store.name(), expected);
    }
    let layer = sample(3);
    store.ingest(&layer.diff_id, &mut &layer.tar[..]).unwrap();
    store.prepare("c", &[layer.diff_id]).unwrap();
    let mounted = store.mount("c").unwrap();
    for i in 0..3 {
        let content = fs::read(inside(&mounted.root, &format!("file{i}"))).unwrap();
        assert!(content == vec![i + 1; 1 << 20]);
    }
    assert_eq!(fs::read(inside(&mounted.root, "last")).unwrap(), b"last");
}

#[test]
fn layers_can_be_read_from_a_disk_with_4096_byte_sectors() {
    on_disk(64, 4096, |root| {
        read_through(root, None, None);
    });
}

#[test]
fn layers_can_be_read_from_a_disk_with_512_byte_sectors() {
    on_disk(64, 512, |root| {
        read_through(root, None, None);
    });
}

#[test]
fn a_full_disk_keeps_the_store_consistent() {
    for driver in ["erofs", "overlay"] {
        on_disk(24, 512, |root| {
            let store = match open(root, &root.join("run"), Some(driver)) {
                Err(error) if error.kind() == Kind::Unsupported => {
                    println!("skipped: {error}");
                    return;
                }
                store => store.unwrap(),
            };
            let big = sample(40);
            let error = store.ingest(&big.diff_id, &mut &big.tar[..]).unwrap_err();
            assert_eq!(error.kind(), Kind::Full, "{error}");
            assert_eq!(store.layers().unwrap(), []);
            // What was half written is freed in the background: waiting for the end of the store
            // waits for that.
            drop(store);
            let store = open(root, &root.join("run"), Some(driver)).unwrap();
            let small = sample(2);
            store.ingest(&small.diff_id, &mut &small.tar[..]).unwrap();
            let view = store.view(&[small.diff_id]).unwrap();
            assert_eq!(fs::read(inside(&view.root, "last")).unwrap(), b"last");
        });
    }
}

#[test]
fn in_memory_layers_are_unpacked() {
    let scratch = scratch();
    in_private_mounts(|| {
        mount("tmpfs", scratch.path(), "tmpfs", MountFlags::empty(), None).unwrap();
        let error = open(scratch.path(), scratch.path(), Some("erofs"))
            .map(drop)
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        let said = error.to_string();
        assert!(said.contains("storage-driver \"overlay\""), "{said}");
        read_through(scratch.path(), None, Some("overlay"));
    })
    .unwrap();
}

#[test]
fn a_data_root_on_an_overlay_is_explained() {
    let scratch = scratch();
    in_private_mounts(|| {
        let (disk, place) = (scratch.path().join("disk"), scratch.path().join("place"));
        fs::create_dir(&place).unwrap();
        let store = open(&disk, &disk, Some("overlay")).unwrap();
        store.prepare("c", &[]).unwrap();
        let mounted = store.mount("c").unwrap();
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&mounted.root, c"", CWD, &place, flags).unwrap();
        let error = open(&place, &disk, Some("overlay")).map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        let said = error.to_string();
        assert!(said.contains("use another data-root"), "{said}");
        assert_eq!(
            open(&place, &disk, None).map(drop).unwrap_err().kind(),
            Kind::Unsupported
        );
    })
    .unwrap();
}

#[test]
fn unknown_drivers_are_named() {
    let scratch = scratch();
    let error = open(scratch.path(), scratch.path(), Some("btrfs"))
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(
        error.to_string(),
        r#"unknown storage driver "btrfs": use "erofs" or "overlay""#
    );
}

#[test]
fn a_store_stays_with_its_driver() {
    let scratch = scratch();
    let layer = sample(1);
    let store = open(scratch.path(), scratch.path(), Some("overlay2")).unwrap();
    store.ingest(&layer.diff_id, &mut &layer.tar[..]).unwrap();
    drop(store);
    let store = open(scratch.path(), scratch.path(), None).unwrap();
    assert_eq!(store.name(), "overlay");
    assert!(store.layer(&layer.diff_id).unwrap().is_some());
}
