//! What goes wrong leaves nothing behind.

use std::fs;
use std::io::{self, Read};

use gantry_reference::Digest;

use super::Fixture;
use super::archive::{Archive, Layer};
use super::listing::inside;
use crate::{Error, Kind};

fn sample() -> Layer {
    let mut archive = Archive::default();
    for i in 0..50 {
        archive = archive.file(&format!("dir{}/file{i}", i % 5), &vec![i; 20_000]);
    }
    archive.finish()
}

/// The layer is absent; the same digest can still be ingested.
fn assert_absent(f: &Fixture, layer: &Layer) {
    assert_eq!(f.store().layer(&layer.diff_id).unwrap(), None);
    assert_eq!(f.store().layers().unwrap(), []);
    assert_eq!(fs::read_dir(f.root().join("layers")).unwrap().count(), 0);
}

pub(super) fn damage_leaves_nothing(f: Fixture) {
    let layer = sample();
    for cut in [
        0,
        100,
        512,
        5_000,
        layer.tar.len() / 2,
        layer.tar.len() - 1025,
    ] {
        let error = f
            .store()
            .ingest(&layer.diff_id, &mut &layer.tar[..cut])
            .unwrap_err();
        assert!(
            matches!(error, Error::DigestMismatch { .. }),
            "{cut}: {error}"
        );
        assert_absent(&f, &layer);
    }
    for damaged in [10, 150, 600, 257, 200_000] {
        let mut tar = layer.tar.clone();
        tar[damaged] ^= 0x55;
        let error = f.store().ingest(&layer.diff_id, &mut &tar[..]).unwrap_err();
        assert!(
            matches!(error, Error::DigestMismatch { .. }),
            "{damaged}: {error}"
        );
        assert_absent(&f, &layer);
    }
    f.store()
        .ingest(&layer.diff_id, &mut &layer.tar[..])
        .unwrap();
    f.assert_clean();
}

pub(super) fn wrong_digest(f: Fixture) {
    let layer = sample();
    let other = Digest::from_sha256_hex(&"0".repeat(64)).unwrap();
    let error = f.store().ingest(&other, &mut &layer.tar[..]).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let said = error.to_string();
    assert!(
        said.contains(other.as_str()) && said.contains(layer.diff_id.as_str()),
        "{said}"
    );
    assert_absent(&f, &layer);
    f.assert_clean();
}

pub(super) fn the_stream_breaks(f: Fixture) {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the registry went away",
            ))
        }
    }
    let layer = sample();
    for cut in [0, 512, 300_000, layer.tar.len()] {
        let mut stream = layer.tar[..cut].chain(Broken);
        let error = f.store().ingest(&layer.diff_id, &mut stream).unwrap_err();
        assert!(matches!(error, Error::Read { .. }), "{cut}: {error}");
        assert!(error.to_string().contains("the registry went away"));
        assert_absent(&f, &layer);
    }
    f.assert_clean();
}

pub(super) fn a_crash_leaves_nothing(mut f: Fixture) {
    let layer = sample();
    f.store()
        .ingest(&layer.diff_id, &mut &layer.tar[..])
        .unwrap();
    // What kill -9 in the middle of an ingest and of a removal leaves.
    let leftover = f.root().join("tmp/0-0");
    fs::create_dir_all(leftover.join("staged/deep/deeper")).unwrap();
    fs::write(leftover.join("staged/17"), b"half a file").unwrap();
    fs::write(leftover.join("layer.tar"), b"half a tar").unwrap();
    // And a snapshot whose record never reached the disk.
    fs::create_dir_all(f.root().join("containers/half/upper")).unwrap();
    f.reopen();
    assert_eq!(
        f.store().layers().unwrap(),
        std::slice::from_ref(&layer.diff_id)
    );
    assert_eq!(f.store().list().unwrap(), [""; 0]);
    f.store().prepare("half", &[layer.diff_id]).unwrap();
    f.assert_clean();
}

pub(super) fn a_loss_of_power(mut f: Fixture) {
    let good = sample();
    f.store().ingest(&good.diff_id, &mut &good.tar[..]).unwrap();
    let bad = Archive::default().file("bad", &[7; 3000]).finish();
    f.store().ingest(&bad.diff_id, &mut &bad.tar[..]).unwrap();
    f.reopen();
    let directory = |layer: &Layer| {
        f.root()
            .join("layers")
            .join(layer.diff_id.as_str().replace(':', "-"))
    };
    for layer in [&good, &bad] {
        // Forced to the disk by now; pretend that the lights went out before.
        assert!(!directory(layer).join("unsynced").exists());
        fs::write(directory(layer).join("unsynced"), "another boot").unwrap();
    }
    if f.is_erofs() {
        let tar = fs::File::options()
            .write(true)
            .open(directory(&bad).join("layer.tar"))
            .unwrap();
        std::os::unix::fs::FileExt::write_all_at(&tar, b"zeros", 600).unwrap();
        fs::write(directory(&good).join("layer.erofs"), b"").unwrap();
    } else {
        fs::write(directory(&bad).join("fs/bad"), [0; 3000]).unwrap();
    }
    f.reopen();
    // The archive, kept or put together again from what was unpacked, has a digest to be checked by.
    assert!(f.store().layer(&good.diff_id).unwrap().is_some());
    assert_eq!(f.store().layer(&bad.diff_id).unwrap(), None);
    for layer in [good, bad] {
        f.store()
            .ingest(&layer.diff_id, &mut &layer.tar[..])
            .unwrap();
        let root = f.view(&[layer.diff_id]);
        assert!(fs::read_dir(inside(&root, "")).unwrap().count() > 0);
    }
    f.assert_clean();
}

pub(super) fn unknown_names(f: Fixture) {
    let store = f.store();
    let absent = Digest::from_sha256_hex(&"1".repeat(64)).unwrap();
    let kind = |result: Result<(), Error>| result.unwrap_err().kind();
    assert_eq!(
        kind(store.prepare("c", std::slice::from_ref(&absent))),
        Kind::NotFound
    );
    assert_eq!(
        kind(store.view(std::slice::from_ref(&absent)).map(drop)),
        Kind::NotFound
    );
    assert_eq!(kind(store.open_tar(&absent).map(drop)), Kind::NotFound);
    assert_eq!(kind(store.mount("c").map(drop)), Kind::NotFound);
    assert_eq!(kind(store.usage("c").map(drop)), Kind::NotFound);
    assert_eq!(kind(store.adopt("c", Vec::new())), Kind::NotFound);
    assert_eq!(kind(store.prepare("../c", &[])), Kind::Invalid);
    assert_eq!(kind(store.remove("..")), Kind::Invalid);
    store.remove("c").unwrap();
    store.remove_layer(&absent).unwrap();
    store.prepare("c", &[]).unwrap();
    assert_eq!(kind(store.prepare("c", &[])), Kind::Conflict);
}
