//! Archives made to do harm.

use std::fs;

use super::Fixture;
use super::archive::{Archive, Member, record};
use super::listing::{inside, list};
use crate::Error;

pub(super) fn names_stay_inside(f: Fixture) {
    let outside = f.scratch.path().join("outside");
    let absolute = outside.to_str().unwrap();
    let up = "../".repeat(30) + &absolute[1..];
    let layer = f.add(
        Archive::default()
            .file("../../escaped", b"1")
            .file("/absolute", b"2")
            .file(&up, b"3")
            .file(absolute, b"4")
            .file("a/../../../b", b"5")
            .file("./c/./d//e", b"6"),
    );
    assert!(!outside.exists());
    let root = f.view(&[layer]);
    for (name, content) in [
        ("escaped", b"1"),
        ("absolute", b"2"),
        ("b", b"5"),
        ("c/d/e", b"6"),
    ] {
        assert_eq!(fs::read(inside(&root, name)).unwrap(), content, "{name}");
    }
    assert_eq!(fs::read(inside(&root, &absolute[1..])).unwrap(), b"4");
}

pub(super) fn links_stay_inside(f: Fixture) {
    let outside = f.scratch.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), b"secret").unwrap();
    let absolute = outside.to_str().unwrap();
    let up = "../".repeat(30) + &absolute[1..];
    let layer = f.add(
        Archive::default()
            .symlink("out", absolute)
            .file("out/written", b"through an absolute link")
            .symlink("up", &up)
            .file("up/written2", b"through a relative link")
            .symlink("magic", "/proc/self/root")
            .file("magic/written3", b"through proc")
            .symlink("hop1", "hop2")
            .symlink("hop2", absolute)
            .file("hop1/written4", b"through two links")
            .directory("hop1/../x")
            .file("out/.wh.secret", b""),
    );
    assert_eq!(
        fs::read_dir(&outside).unwrap().count(),
        1,
        "written outside"
    );
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    let root = f.view(&[layer]);
    // All of it landed under the layer's own root, where the links point for a container.
    for name in ["written", "written2", "written4"] {
        assert!(inside(&root, &absolute[1..]).join(name).exists(), "{name}");
    }
    assert!(inside(&root, "magic").is_symlink());
    assert!(inside(&root, "x").is_dir());

    for target in [
        absolute.to_owned() + "/secret",
        up + "/secret",
        "/etc/passwd".to_owned(),
    ] {
        let layer = Archive::default().hardlink("stolen", &target).finish();
        let error = f
            .store()
            .ingest(&layer.diff_id, &mut &layer.tar[..])
            .unwrap_err();
        assert!(matches!(error, Error::Archive { .. }), "{error}");
    }
    // A link to a directory outside, then a hard link through it.
    let layer = Archive::default()
        .symlink("d", absolute)
        .hardlink("stolen", "d/secret")
        .finish();
    assert!(
        f.store()
            .ingest(&layer.diff_id, &mut &layer.tar[..])
            .is_err()
    );
    assert_eq!(fs::metadata(outside.join("secret")).unwrap().len(), 6);
}

pub(super) fn malformed_archives_are_refused(f: Fixture) {
    let m = Member::default;
    let long = "x".repeat(256);
    let path = "y/".repeat(2100);
    let cases: Vec<(&str, Archive, &str)> = vec![
        (
            "a name with a NUL",
            Archive::default().member(&Member {
                path: b"x",
                pax: vec![(b"path", b"a\0b")],
                ..m()
            }),
            "pax record",
        ),
        (
            "a long component",
            Archive::default().file(&long, b""),
            "longer than 255",
        ),
        (
            "a long path",
            Archive::default().file(&path, b""),
            "longer than 4095",
        ),
        (
            "no checksum",
            Archive::default().raw(&[b'x'; 512]),
            "header",
        ),
        (
            "a bad size",
            Archive::default().odd(&m(), |b| b[124] = b'9'),
            "size",
        ),
        (
            "a negative size",
            Archive::default().odd(&m(), |b| b[124..136].fill(0xff)),
            "size",
        ),
        (
            "a huge size",
            Archive::default().odd(&m(), |b| {
                b[124..136].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
            }),
            "size",
        ),
        (
            "a huge extension",
            Archive::default().odd(&Member { flag: b'x', ..m() }, |b| {
                b[124..136].copy_from_slice(b"77777777777\0");
            }),
            "extension header",
        ),
        (
            "a bad pax length",
            Archive::default().member(&Member {
                flag: b'x',
                content: b"999 path=x\n",
                ..m()
            }),
            "pax record",
        ),
        (
            "an unknown type",
            Archive::default().member(&Member {
                path: b"odd",
                flag: b'~',
                ..m()
            }),
            "unhandled tar header type",
        ),
        (
            "a loop",
            Archive::default().symlink("l", "l").file("l/x", b""),
            "too many levels",
        ),
        (
            "a link to nothing",
            Archive::default().symlink("l", ""),
            "without a target",
        ),
        (
            "a hard link to a directory",
            Archive::default().directory("d").hardlink("h", "d"),
            "is a directory",
        ),
        (
            "a hard link to what comes later",
            Archive::default().hardlink("h", "f").file("f", b""),
            "before it",
        ),
        (
            "a whiteout of everything",
            Archive::default().file(".wh.", b""),
            "whiteout",
        ),
        (
            "a whiteout of the parent",
            Archive::default().file("a/.wh...", b""),
            "whiteout",
        ),
        (
            "a file for a root",
            Archive::default().file("/", b""),
            "root",
        ),
        (
            "sparse beyond the end",
            Archive::default().member(&Member {
                path: b"s",
                content: b"x",
                pax: vec![
                    (b"GNU.sparse.size", b"10"),
                    (b"GNU.sparse.numblocks", b"1"),
                    (b"GNU.sparse.map", b"10,1"),
                ],
                ..m()
            }),
            "sparse map",
        ),
    ];
    for (what, archive, expected) in cases {
        let layer = archive.finish();
        let error = match f.store().ingest(&layer.diff_id, &mut &layer.tar[..]) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{what} was accepted"),
        };
        assert!(error.contains(expected), "{what}: {error}");
    }
    assert_eq!(f.store().layers().unwrap(), []);

    // Deep trees, odd but legal: through a link deeper than any path.
    let mut archive = Archive::default();
    let deep = "d/".repeat(900);
    archive = archive
        .directory(&deep)
        .symlink("l", &deep)
        .directory(&format!("l/{deep}"));
    let layer = archive.finish();
    f.store()
        .ingest(&layer.diff_id, &mut &layer.tar[..])
        .unwrap();
    let deeper = Archive::default()
        .directory(&deep)
        .symlink("l", &deep)
        .directory(&format!("l/{deep}m"))
        .symlink("k", &format!("l/{deep}"))
        .directory(&format!("k/{deep}"))
        .finish();
    let error = f
        .store()
        .ingest(&deeper.diff_id, &mut &deeper.tar[..])
        .unwrap_err();
    assert!(error.to_string().contains("nested too deeply"), "{error}");
    f.store().remove_layer(&layer.diff_id).unwrap();

    // A pax header that claims what its entry does not have.
    let pax = record(b"size", b"99999999");
    let layer = Archive::default()
        .member(&Member {
            flag: b'x',
            content: &pax,
            ..m()
        })
        .file("short", b"abc")
        .finish();
    assert!(
        f.store()
            .ingest(&layer.diff_id, &mut &layer.tar[..])
            .is_err()
    );
    assert!(list(&f.root().join("layers")).is_empty());
    f.assert_clean();
}
