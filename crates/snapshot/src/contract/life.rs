//! Layers and snapshots from their making to their end.

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use super::Fixture;
use super::archive::Archive;
use super::listing::inside;
use crate::{Kind, Usage};

/// A stream that must not be read.
struct Untouchable;

impl Read for Untouchable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("a layer that is there already was read again");
    }
}

pub(super) fn ingest_is_idempotent(f: Fixture) {
    let layer = Archive::default().file("a", b"content").finish();
    let first = f
        .store()
        .ingest(&layer.diff_id, &mut &layer.tar[..])
        .unwrap();
    let second = f.store().ingest(&layer.diff_id, &mut Untouchable).unwrap();
    assert_eq!(first, second);
    assert_eq!(f.store().layer(&layer.diff_id).unwrap(), Some(first));
    f.store().remove_layer(&layer.diff_id).unwrap();
    f.store().remove_layer(&layer.diff_id).unwrap();
    assert_eq!(f.store().layer(&layer.diff_id).unwrap(), None);
    f.store()
        .ingest(&layer.diff_id, &mut &layer.tar[..])
        .unwrap();
    f.assert_clean();
}

pub(super) fn one_layer_many_threads(f: Fixture) {
    let layer = Archive::default().file("a", &vec![1; 300_000]).finish();
    let others: Vec<_> = (0..4u8)
        .map(|i| {
            Archive::default()
                .file("a", &vec![i + 2; 100_000])
                .file("b", &[i])
                .finish()
        })
        .collect();
    std::thread::scope(|scope| {
        for i in 0..8 {
            let (f, layer, others) = (&f, &layer, &others);
            scope.spawn(move || {
                // The first ones fail; the others take over.
                let len = if i < 2 { 5000 } else { layer.tar.len() };
                let result = f.store().ingest(&layer.diff_id, &mut &layer.tar[..len]);
                if i < 2 && result.is_err() {
                    return;
                }
                result.unwrap();
                let other = &others[i % 4];
                f.store()
                    .ingest(&other.diff_id, &mut &other.tar[..])
                    .unwrap();
                let key = format!("c{i}");
                f.store()
                    .prepare(&key, &[other.diff_id.clone(), layer.diff_id.clone()])
                    .unwrap();
                let mounted = f.store().mount(&key).unwrap();
                assert_eq!(
                    fs::read(inside(&mounted.root, "a")).unwrap(),
                    vec![1; 300_000]
                );
                assert_eq!(fs::read(inside(&mounted.root, "b")).unwrap(), [i as u8 % 4]);
                drop(mounted);
                f.store().remove(&key).unwrap();
            });
        }
    });
    assert_eq!(f.store().layers().unwrap().len(), 5);
    f.assert_clean();
}

pub(super) fn layers_in_use_stay(f: Fixture) {
    let base = f.add(Archive::default().file("a", b"base"));
    let mounted = f.container("c", std::slice::from_ref(&base));
    let error = f.store().remove_layer(&base).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().contains("snapshot c"), "{error}");
    f.store().remove("c").unwrap();
    f.store().remove("c").unwrap();
    f.store().remove_layer(&base).unwrap();
    // A mount that is still held goes on showing what it showed, or fails; it never shows
    // anything else.
    if let Ok(content) = fs::read(inside(&mounted.root, "a")) {
        assert_eq!(content, b"base");
    }
    drop(mounted);
    f.assert_clean();
}

pub(super) fn snapshots_outlive_the_daemon(mut f: Fixture) {
    let base = f.add(Archive::default().file("a", b"base").file("b", b"base"));
    let mounted = f.container("c", std::slice::from_ref(&base));
    fs::write(inside(&mounted.root, "a"), b"written").unwrap();
    f.store = None;
    // A running container does not notice.
    assert_eq!(fs::read(inside(&mounted.root, "b")).unwrap(), b"base");
    fs::write(inside(&mounted.root, "c"), b"without a daemon").unwrap();
    drop(mounted);
    f.reopen();
    assert_eq!(f.store().list().unwrap(), ["c"]);
    assert_eq!(
        f.store().remove_layer(&base).unwrap_err().kind(),
        Kind::Conflict
    );
    let mounted = f.store().mount("c").unwrap();
    for (name, content) in [("a", "written"), ("b", "base"), ("c", "without a daemon")] {
        assert_eq!(
            fs::read_to_string(inside(&mounted.root, name)).unwrap(),
            content
        );
    }
}

pub(super) fn usage_counts_what_was_written(f: Fixture) {
    let base = f.add(
        Archive::default()
            .file("big", &vec![1; 50_000])
            .file("gone", b"x"),
    );
    let mounted = f.container("c", &[base]);
    assert_eq!(f.store().usage("c").unwrap(), Usage::default());
    fs::create_dir_all(inside(&mounted.root, "d/e")).unwrap();
    fs::write(inside(&mounted.root, "d/e/new"), [2; 1000]).unwrap();
    fs::hard_link(
        inside(&mounted.root, "d/e/new"),
        inside(&mounted.root, "link"),
    )
    .unwrap();
    fs::remove_file(inside(&mounted.root, "gone")).unwrap();
    let expected = Usage {
        bytes: 1000,
        inodes: 4,
    };
    assert_eq!(f.store().usage("c").unwrap(), expected);
}

pub(super) fn layer_mounts_are_shared_and_adopted(mut f: Fixture) {
    let layers: Vec<_> = (0..3u8)
        .map(|i| f.add(Archive::default().file(&format!("f{i}"), &[i])))
        .collect();
    let first = f.container("one", &layers);
    let second = f.container("two", &layers);
    let devices = |mounted: &crate::Mounted| -> Vec<u64> {
        let device = |fd: &std::os::fd::OwnedFd| rustix::fs::fstat(fd.as_fd()).unwrap().st_dev;
        mounted.keep.iter().map(device).collect()
    };
    let kept = if f.is_erofs() && f.which.method.is_some_and(|m| !m.in_annex) {
        3
    } else {
        0
    };
    assert_eq!(devices(&first).len(), kept);
    assert_eq!(devices(&first), devices(&second));
    // A daemon ends; another one comes and asks the monitors.
    f.reopen();
    let keep = first
        .keep
        .iter()
        .map(|fd| fd.try_clone().unwrap())
        .collect();
    f.store().adopt("one", keep).unwrap();
    let third = f.container("three", &layers);
    assert_eq!(devices(&first), devices(&third));
    // A descriptor of something else is no layer.
    let stranger = fs::File::open("/").unwrap().into();
    f.store().adopt("one", vec![stranger]).unwrap();
    assert_eq!(fs::read(inside(&third.root, "f2")).unwrap(), [2]);
}

pub(super) fn renames_and_copy_up(f: Fixture) {
    let base = f.add(
        Archive::default()
            .file("dir/inner", b"inner")
            .file("file", b"file")
            .hardlink("second name", "file"),
    );
    let mounted = f.container("c", &[base]);
    let at = |name: &str| inside(&mounted.root, name);
    // Redirects would make the upper directory unreadable on its own: as with Docker a directory
    // of a layer is renamed by copying.
    let error = fs::rename(at("dir"), at("moved")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::CrossesDevices);
    fs::rename(at("file"), at("renamed")).unwrap();
    assert_eq!(fs::read(at("renamed")).unwrap(), b"file");
    // Without metacopy a change of owner copies the content.
    std::os::unix::fs::chown(at("dir/inner"), Some(5), None).unwrap();
    assert_eq!(
        fs::read(f.store().upper("c").join("dir/inner")).unwrap(),
        b"inner"
    );
    // One device number for all: tar --one-file-system would skip what differs.
    let device = |name: &str| fs::metadata(at(name)).unwrap().dev();
    assert_eq!(device("dir"), device(""));
    assert_eq!(device("second name"), device(""));
    assert_eq!(device("renamed"), device(""));
}

pub(super) fn volatile_mounts(mut f: Fixture) {
    let base = f.add(Archive::default().file("a", b"base"));
    f.store().prepare("c", &[base]).unwrap();
    for round in 0..3 {
        let mounted = f.store().mount_volatile("c").unwrap();
        fs::write(inside(&mounted.root, &round.to_string()), b"written").unwrap();
        drop(mounted);
    }
    // Within one boot nothing is lost, also for a mount of the other kind.
    f.reopen();
    let mounted = f.store().mount("c").unwrap();
    assert_eq!(fs::read_dir(inside(&mounted.root, "")).unwrap().count(), 4);
    drop(mounted);
    // After a loss of power nothing can be said of what was written.
    drop(f.store().mount_volatile("c").unwrap());
    fs::write(f.root().join("containers/c/volatile"), "another boot").unwrap();
    assert_eq!(f.store().mount("c").unwrap_err().kind(), Kind::Conflict);
    f.store().remove("c").unwrap();
    f.assert_clean();
}
