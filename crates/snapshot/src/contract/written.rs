//! What a container has written: told, packed, and taken in as a layer.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use gantry_reference::Digest;

use super::Fixture;
use super::archive::{Archive, Layer, Member};
use super::listing::inside;
use crate::{ChangeKind, Snapshotter};

fn base(f: &Fixture) -> Digest {
    f.add(
        Archive::default()
            .file("etc/passwd", b"root")
            .file("etc/group", b"root")
            .file("gone", b"x")
            .file("tree/inner/deep", b"x")
            .file("tree/other", b"x")
            .file("becomes/dir", b"x")
            .file("touched/only", b"x")
            .file("replaced/old", b"x")
            .symlink("link", "gone"),
    )
}

/// Does a bit of everything to a container's root.
fn change(root: &std::os::fd::OwnedFd) {
    let at = |path: &str| inside(root, path);
    fs::write(at("etc/new"), "n").unwrap();
    fs::set_permissions(at("etc/group"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(at("gone")).unwrap();
    fs::remove_dir_all(at("tree")).unwrap();
    fs::remove_dir_all(at("becomes")).unwrap();
    fs::write(at("becomes"), "a file now").unwrap();
    fs::remove_dir_all(at("replaced")).unwrap();
    fs::create_dir(at("replaced")).unwrap();
    fs::write(at("replaced/fresh"), "f").unwrap();
    fs::create_dir_all(at("made/below")).unwrap();
    fs::write(at("made/below/one"), "1").unwrap();
    fs::hard_link(at("made/below/one"), at("made/two")).unwrap();
    symlink("below", at("made/link")).unwrap();
    // Changed and back again: the directory is copied up, and nothing of it differs.
    fs::write(at("touched/new"), "").unwrap();
    fs::remove_file(at("touched/new")).unwrap();
    // What runtimes make to mount over.
    fs::create_dir_all(at("dev/pts")).unwrap();
    fs::create_dir(at("proc")).unwrap();
    fs::write(at("etc/hosts"), "").unwrap();
}

fn told(store: &dyn Snapshotter, key: &str) -> Vec<String> {
    let letter = |kind| match kind {
        ChangeKind::Modified => 'C',
        ChangeKind::Added => 'A',
        ChangeKind::Deleted => 'D',
    };
    let changes = store.changes(key).unwrap().into_iter();
    changes
        .map(|c| format!("{} {}", letter(c.kind), String::from_utf8_lossy(&c.path)))
        .collect()
}

pub(super) fn changes_are_told(f: Fixture) {
    let layer = base(&f);
    let mounted = f.container("c", &[layer]);
    assert_eq!(told(f.store(), "c"), Vec::<String>::new());
    change(&mounted.root);
    let wanted = "C /becomes|C /etc|C /etc/group|A /etc/new|D /gone|A /made|A /made/below|\
                  A /made/below/one|A /made/link|A /made/two|C /replaced|A /replaced/fresh|\
                  D /replaced/old|D /tree";
    assert_eq!(told(f.store(), "c").join("|"), wanted);
    drop(mounted);
    // The same when it is not mounted, and of an image from scratch.
    assert_eq!(told(f.store(), "c").join("|"), wanted);
    let mounted = f.container("scratch", &[]);
    fs::create_dir_all(inside(&mounted.root, "etc")).unwrap();
    fs::write(inside(&mounted.root, "etc/resolv.conf"), "").unwrap();
    assert_eq!(told(f.store(), "scratch"), Vec::<String>::new());
    fs::write(inside(&mounted.root, "etc/resolv.conf"), "kept").unwrap();
    assert_eq!(told(f.store(), "scratch"), ["A /etc", "A /etc/resolv.conf"]);
    drop(mounted);
    f.assert_clean();
}

pub(super) fn what_was_written_becomes_a_layer(f: Fixture) {
    let layer = base(&f);
    let mounted = f.container("c", std::slice::from_ref(&layer));
    change(&mounted.root);
    let mut tar = Vec::new();
    f.store().pack("c", &mut tar).unwrap();
    let mut again = Vec::new();
    f.store().pack("c", &mut again).unwrap();
    assert!(tar == again, "the same content gives the same bytes");
    let mut known = None;
    let info = f
        .store()
        .take(&mut &tar[..], &mut |diff_id| known = Some(diff_id.clone()))
        .unwrap();
    assert_eq!(known.as_ref(), Some(&info.diff_id));
    assert_eq!(Layer::from_bytes(tar).diff_id, info.diff_id);
    // On the same base, the new layer shows what the container sees.
    let view = f.view(&[layer, info.diff_id.clone()]);
    let at = |path: &str| inside(&view, path);
    assert!(!at("gone").exists() && !at("tree").exists() && !at("replaced/old").exists());
    assert_eq!(fs::read_to_string(at("replaced/fresh")).unwrap(), "f");
    assert_eq!(fs::read_to_string(at("becomes")).unwrap(), "a file now");
    assert_eq!(fs::read_to_string(at("made/link/one")).unwrap(), "1");
    let one = fs::metadata(at("made/below/one")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::nlink(&one), 2);
    let group = fs::metadata(at("etc/group")).unwrap().permissions();
    assert_eq!(group.mode() & 0o7777, 0o600);
    assert!(!at("proc").exists() && !at("etc/hosts").exists());
    // Taken once more it is the same layer.
    let mut tar = Vec::new();
    f.store().pack("c", &mut tar).unwrap();
    let same = f.store().take(&mut &tar[..], &mut |_| {}).unwrap();
    assert_eq!(same, info);
    drop((view, mounted));
    f.assert_clean();
}

pub(super) fn archives_come_back_byte_for_byte(f: Fixture) {
    let device = Member {
        path: b"dev/null",
        flag: b'3',
        device: (1, 3),
        ..Member::default()
    };
    let mut tar = Archive::default()
        .directory("a")
        .file("a/once", &[1; 700])
        .file("a/twice", b"the first content")
        .file("a/empty", b"")
        .hardlink("a/again", "a/once")
        .symlink("a/link", "once")
        .member(&device)
        .file("a/twice", &[2; 5000])
        .file("gone", b"hidden by what follows")
        .file("gone/below", b"x")
        .finish()
        .tar;
    tar.extend([0; 3 * 512]);
    tar.extend(b"and more");
    let layer = Layer::from_bytes(tar);
    f.store()
        .ingest(&layer.diff_id, &mut &layer.tar[..])
        .unwrap();
    let mut bytes = Vec::new();
    let mut archive = f.store().open_tar(&layer.diff_id).unwrap();
    archive.read_to_end(&mut bytes).unwrap();
    assert!(bytes == layer.tar);
    let view = f.view(std::slice::from_ref(&layer.diff_id));
    let null = fs::symlink_metadata(inside(&view, "dev/null")).unwrap();
    assert!(null.file_type().is_char_device());
    drop((archive, view));
    f.assert_clean();
}
