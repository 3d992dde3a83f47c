use std::io::Read;
use std::thread;

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("content")).unwrap();
    (dir, store)
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_is_put_can_be_read() {
    let (_dir, store) = store();
    let digest = store.put_new(b"hello").unwrap();
    assert_eq!(store.read(&digest, 100).unwrap(), b"hello");
    assert!(matches!(
        store.read(&digest, 4),
        Err(Error::TooLarge { size: 5, .. })
    ));
    assert!(store.remove(&digest).unwrap());
    assert!(matches!(store.read(&digest, 100), Err(Error::NotFound(_))));
}

#[test]
fn wrong_bytes_leave_nothing() {
    let (dir, store) = store();
    let digest = Digester::sha256(b"right");
    assert!(matches!(
        store.put(&digest, b"wrong"),
        Err(Error::DigestMismatch { .. })
    ));
    let mut ingest = store.ingest(&digest).unwrap().unwrap();
    ingest.write(b"wrong").unwrap();
    let mut follow = ingest.follow().unwrap();
    assert!(matches!(ingest.verify(), Err(Error::DigestMismatch { .. })));
    assert!(follow.read_to_end(&mut Vec::new()).is_err());
    assert!(files_below(dir.path()).is_empty());
}

#[test]
fn a_broken_ingest_goes_on_where_it_was() {
    let (_dir, store) = store();
    let digest = Digester::sha256(b"first second");
    let mut ingest = store.ingest(&digest).unwrap().unwrap();
    ingest.write(b"first ").unwrap();
    assert!(
        store.ingest(&digest).unwrap().is_none(),
        "one writer at a time"
    );
    let mut follow = ingest.follow().unwrap();
    drop(ingest);
    assert!(
        follow.read_to_end(&mut Vec::new()).is_err(),
        "not mistaken for the end"
    );

    let mut ingest = store.ingest(&digest).unwrap().unwrap();
    assert_eq!((ingest.written(), ingest.resumed()), (6, 6));
    ingest.write(b"second").unwrap();
    let mut follow = ingest.follow().unwrap();
    ingest.verify().unwrap().publish().unwrap();
    let mut seen = String::new();
    follow.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "first second");
    assert_eq!(store.read(&digest, 100).unwrap(), b"first second");
}

#[test]
fn a_follower_sees_bytes_as_they_come_and_the_end_only_when_verified() {
    let (_dir, store) = store();
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let digest = Digester::sha256(&bytes);
    let mut ingest = store.ingest(&digest).unwrap().unwrap();
    let mut follow = ingest.follow().unwrap();
    let reader = thread::spawn(move || {
        let mut seen = Vec::new();
        follow.read_to_end(&mut seen).map(|_| seen)
    });
    for chunk in bytes.chunks(7_777) {
        ingest.write(chunk).unwrap();
    }
    ingest.verify().unwrap().discard().unwrap();
    assert!(reader.join().unwrap().unwrap() == bytes);
    assert!(!store.contains(&digest));
}

#[test]
fn collecting_spares_what_is_named_or_leased() {
    let (_dir, store) = store();
    let [named, leased, loose] = [b"a", b"b", b"c"].map(|bytes| store.put_new(bytes).unwrap());
    let lease = store.leases().hold([leased.clone()]);
    let keep = HashSet::from([named.clone()]);
    assert_eq!(store.collect(&keep).unwrap(), 1);
    assert!(store.contains(&named) && store.contains(&leased) && !store.contains(&loose));
    drop(lease);
    assert_eq!(store.collect(&keep).unwrap(), 1);
}

#[test]
fn opening_clears_what_a_crash_left_but_keeps_young_downloads() {
    let (dir, store) = store();
    let digest = Digester::sha256(b"x");
    let ingest_dir = dir.path().join("content/ingest");
    fs::write(ingest_dir.join("tmp-1-1"), b"half").unwrap();
    fs::write(store.ingest_path(&digest), b"part").unwrap();
    let store = Store::open(&dir.path().join("content")).unwrap();
    assert!(!ingest_dir.join("tmp-1-1").exists());
    assert!(store.ingest_path(&digest).exists());
    store.clear_dead_ingests(Duration::ZERO).unwrap();
    assert!(!store.ingest_path(&digest).exists());
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing() {
    // A tmpfs of 1 MiB in a mount namespace of this thread's own.
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    let outcome = thread::spawn(move || {
        if !own_small_tmpfs(&root) {
            return None;
        }
        let store = Store::open(&root.join("content")).unwrap();
        let bytes = vec![7; 4 << 20];
        let digest = Digester::sha256(&bytes);
        let put = store.put(&digest, &bytes).unwrap_err();
        let mut ingest = store.ingest(&digest).unwrap().unwrap();
        let write = ingest.write(&bytes).unwrap_err();
        Some((put.kind(), write.kind(), files_below(&root)))
    })
    .join()
    .unwrap();
    let Some((put, write, left)) = outcome else {
        eprintln!("skipped: making a mount needs root");
        return;
    };
    assert_eq!((put, write), (crate::Kind::Full, crate::Kind::Full));
    assert!(left.is_empty(), "{left:?}");
}

/// Puts a 1 MiB tmpfs on `at`, seen by this thread only and gone with it.
fn own_small_tmpfs(at: &Path) -> bool {
    use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
    gantry_sys::namespaces::unshare(gantry_sys::namespaces::bits::MOUNT).is_ok()
        && mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )
        .is_ok()
        && mount("tmpfs", at, "tmpfs", MountFlags::empty(), c"size=1m").is_ok()
}
