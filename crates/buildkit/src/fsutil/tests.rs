//! Both sides against each other, and a sender that lies.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use tokio::sync::mpsc;

use super::{Packet, PacketKind, Received, Stat, TransferError, receive, send};

/// Makes `to` equal to `from`; returns the bytes that came.
fn transfer(from: &Path, to: &Path) -> Result<u64, TransferError> {
    received(from, to).map(|received| received.bytes)
}

fn received(from: &Path, to: &Path) -> Result<Received, TransferError> {
    // A handle that only names the folder, as mounted roots are.
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
    let source = rustix::fs::open(from, flags, rustix::fs::Mode::empty()).unwrap();
    let target = fs::File::open(to).unwrap();
    let (to_receiver, mut sent) = mpsc::channel(16);
    let (to_batches, arrived) = mpsc::channel(16);
    let (answers, mut queue) = mpsc::unbounded_channel();
    let (to_sender, asked) = mpsc::channel(16);
    std::thread::scope(|threads| {
        threads.spawn(move || send(&source, asked, &to_receiver));
        threads.spawn(move || {
            let mut batch = Vec::new();
            while sent.blocking_recv_many(&mut batch, 8) > 0 {
                if to_batches
                    .blocking_send(std::mem::take(&mut batch))
                    .is_err()
                {
                    break;
                }
            }
        });
        threads.spawn(move || {
            while let Some(packet) = queue.blocking_recv() {
                if to_sender.blocking_send(packet).is_err() {
                    break;
                }
            }
        });
        let done = receive(target.into(), None, arrived, &answers, &|_| {});
        drop(answers);
        done
    })
}

fn lies(told: &[Stat]) -> (Result<Received, TransferError>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let (sender, arrived) = mpsc::channel(told.len() + 1);
    for stat in told {
        let packet = Packet {
            stat: Some(stat.clone()),
            ..Packet::of(PacketKind::Stat)
        };
        sender.blocking_send(vec![packet]).unwrap();
    }
    drop(sender);
    let (answers, _queue) = mpsc::unbounded_channel();
    let root = fs::File::open(root).unwrap();
    (
        receive(root.into(), None, arrived, &answers, &|_| {}),
        folder,
    )
}

fn told(path: &str, mode: u32) -> Stat {
    Stat {
        path: path.as_bytes().to_vec(),
        mode,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        ..Stat::default()
    }
}

const DIRECTORY: u32 = (1 << 31) | 0o755;
const LINK: u32 = (1 << 27) | 0o777;

#[test]
fn a_tree_arrives_as_it_is_and_then_only_what_changed_travels() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (from.path(), to.path());
    fs::create_dir_all(a.join("dir/deep")).unwrap();
    fs::write(a.join("dir/deep/big"), vec![7; 300_000]).unwrap();
    fs::write(a.join("dir-file"), "x").unwrap();
    fs::write(a.join("dir/empty"), "").unwrap();
    fs::write(a.join("tool"), "#!").unwrap();
    fs::set_permissions(a.join("tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(a.join("tool"), a.join("tool2")).unwrap();
    symlink("../nowhere", a.join("dir/link")).unwrap();
    assert!(transfer(a, b).unwrap() > 300_000);
    assert_eq!(fs::read(b.join("dir/deep/big")).unwrap(), vec![7; 300_000]);
    assert_eq!(b.join("tool").metadata().unwrap().mode() & 0o7777, 0o4755);
    assert_eq!(
        b.join("tool").metadata().unwrap().ino(),
        b.join("tool2").metadata().unwrap().ino()
    );
    assert_eq!(
        fs::read_link(b.join("dir/link")).unwrap(),
        Path::new("../nowhere")
    );
    assert_eq!(
        b.join("dir").metadata().unwrap().mtime_nsec(),
        a.join("dir").metadata().unwrap().mtime_nsec()
    );
    // The same once more: no content.
    assert!(transfer(a, b).unwrap() < 2_000);
    // What is other, is gone, or has become something else.
    fs::write(a.join("dir-file"), "yy").unwrap();
    fs::remove_file(a.join("dir/link")).unwrap();
    fs::create_dir(a.join("dir/link")).unwrap();
    fs::write(a.join("dir/link/in"), "in").unwrap();
    fs::remove_dir_all(a.join("dir/deep")).unwrap();
    fs::write(a.join("dir/deep"), "file now").unwrap();
    assert!(transfer(a, b).unwrap() < 2_000);
    assert_eq!(fs::read_to_string(b.join("dir-file")).unwrap(), "yy");
    assert_eq!(fs::read_to_string(b.join("dir/link/in")).unwrap(), "in");
    assert_eq!(fs::read_to_string(b.join("dir/deep")).unwrap(), "file now");
}

#[test]
fn whether_anything_changed_is_told() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (from.path(), to.path());
    fs::create_dir(a.join("dir")).unwrap();
    fs::write(a.join("dir/file"), "1").unwrap();
    symlink("there", a.join("link")).unwrap();
    let changed = || received(a, b).unwrap().changed;
    assert!(changed());
    assert!(!changed());
    let mode = |path: &str, mode| {
        fs::set_permissions(a.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    let changes: [&dyn Fn(); 6] = [
        &|| fs::write(a.join("dir/file"), "22").unwrap(),
        &|| mode("dir", 0o711),
        &|| mode("dir/file", 0o600),
        &|| fs::rename(a.join("dir/file"), a.join("dir/other")).unwrap(),
        &|| fs::remove_file(a.join("link")).unwrap(),
        &|| fs::create_dir(a.join("dir/new")).unwrap(),
    ];
    for (at, change) in changes.iter().enumerate() {
        change();
        assert!(changed(), "{at}");
        assert!(!changed(), "{at}");
    }
    symlink("there", a.join("link")).unwrap();
    assert!(changed());
    fs::remove_file(a.join("link")).unwrap();
    symlink("here", a.join("link")).unwrap();
    assert!(changed());
    assert!(!changed());
}

#[test]
fn names_lead_nowhere_else() {
    for path in [
        "../x",
        "/x",
        "a/../../x",
        "",
        ".",
        "a//b",
        "a/./b",
        "a/",
        "a\0b",
    ] {
        let (done, folder) = lies(&[told("a", DIRECTORY), told(path, 0o644)]);
        assert!(
            matches!(done, Err(TransferError::Protocol(_))),
            "{path:?}: {done:?}"
        );
        assert!(!folder.path().join("x").exists());
    }
}

#[test]
fn a_link_is_no_directory() {
    let mut link = told("l", LINK);
    link.link = b"..".to_vec();
    let (done, folder) = lies(&[link, told("l/x", 0o644)]);
    assert!(done.is_err(), "{done:?}");
    assert!(!folder.path().join("x").exists());
    // Nor is its target what a second name shares.
    let mut link = told("l", LINK);
    link.link = b"/etc/passwd".to_vec();
    let mut second = told("m", 0o644);
    second.link = b"n".to_vec();
    let (done, _folder) = lies(&[link, second]);
    assert!(matches!(done, Err(TransferError::Protocol(_))), "{done:?}");
}

#[test]
fn entries_come_in_order_and_below_directories_that_were_told() {
    for list in [["b", "a"], ["a", "a"], ["x/y", "z"]] {
        let stats: Vec<Stat> = list.iter().map(|path| told(path, 0o644)).collect();
        let (done, _folder) = lies(&stats);
        assert!(
            matches!(done, Err(TransferError::Protocol(_))),
            "{list:?}: {done:?}"
        );
    }
}

#[test]
fn an_end_too_early_is_none_and_content_that_nobody_wants_is_refused() {
    let (done, _folder) = lies(&[told("a", 0o644)]);
    assert!(matches!(done, Err(TransferError::Gone)), "{done:?}");
    let folder = tempfile::tempdir().unwrap();
    let (sender, arrived) = mpsc::channel(1);
    let data = Packet {
        id: 7,
        ..Packet::of(PacketKind::Data)
    };
    sender.blocking_send(vec![data]).unwrap();
    let (answers, _queue) = mpsc::unbounded_channel();
    let root = fs::File::open(folder.path()).unwrap();
    let done = receive(root.into(), None, arrived, &answers, &|_| {});
    assert!(matches!(done, Err(TransferError::Protocol(_))), "{done:?}");
}

/// Paths, modes and links as a hostile sender would mix them.
fn any_stat() -> impl proptest::strategy::Strategy<Value = Stat> {
    use proptest::prelude::*;
    let part = prop::sample::select(vec!["a", "b", "l", "..", ".", "", "outside"]);
    let path = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    let mode = prop::sample::select(vec![0o644, DIRECTORY, LINK, (1 << 25) | 0o600]);
    let link = prop::sample::select(vec!["", "..", "../outside", "a", "l/outside", "/"]);
    (path, mode, link).prop_map(|(path, mode, link)| Stat {
        link: link.as_bytes().to_vec(),
        ..told(&path, mode)
    })
}

proptest::proptest! {
    #[test]
    fn no_sender_reaches_beyond_the_folder(stats in proptest::collection::vec(any_stat(), 0..12)) {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "kept").unwrap();
        // As a sender before has left it.
        symlink("../outside", root.join("l")).unwrap();
        let (sender, arrived) = mpsc::channel(stats.len() * 2 + 2);
        for (id, stat) in (0..).zip(&stats) {
            let told = Packet { stat: Some(stat.clone()), ..Packet::of(PacketKind::Stat) };
            let data = Packet { id, ..Packet::of(PacketKind::Data) };
            sender.blocking_send(vec![told]).unwrap();
            sender.blocking_send(vec![data]).unwrap();
        }
        sender.blocking_send(vec![Packet::of(PacketKind::Stat)]).unwrap();
        drop(sender);
        let (answers, _queue) = mpsc::unbounded_channel();
        let open = fs::File::open(&root).unwrap();
        let _ = receive(open.into(), None, arrived, &answers, &|_| {});
        let left = |path: &Path| {
            let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(left(folder.path()), ["outside", "root"]);
        assert_eq!(left(&outside), ["kept"]);
        assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
        assert_eq!(outside.metadata().unwrap().mode() & 0o777, 0o755);
    }

    #[test]
    fn any_bytes_are_a_packet_or_none(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = <Packet as prost::Message>::decode(bytes.as_slice());
    }
}
