//! What is in a layer comes out of it.

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Command;

use super::archive::{Archive, Layer, Member};
use super::listing::{checksum, inside, list};
use super::{Fixture, scratch};
use crate::Kind;

pub(super) fn every_kind_of_file(f: Fixture) {
    let m = Member::default;
    let archive = Archive::default()
        .directory("./")
        .directory("dir/")
        .member(&Member {
            path: b"dir/file",
            content: b"hello",
            mode: 0o4755,
            ..m()
        })
        .member(&Member {
            path: b"dir/empty",
            uid: 1000,
            gid: 70_000,
            ..m()
        })
        .member(&Member {
            path: b"big-owner",
            uid: 4_000_000_000,
            gid: 3_000_000,
            ..m()
        })
        .symlink("link", "dir/file")
        .symlink("absolute", "/dir/file")
        .member(&Member {
            path: b"null",
            flag: b'3',
            mode: 0o666,
            device: (1, 3),
            ..m()
        })
        .member(&Member {
            path: b"disk",
            flag: b'4',
            mode: 0o660,
            device: (259, 70_000),
            ..m()
        })
        .member(&Member {
            path: b"pipe",
            flag: b'6',
            mode: 0o600,
            ..m()
        })
        .member(&Member {
            path: b"tmp",
            flag: b'5',
            mode: 0o1777,
            uid: 5,
            ..m()
        })
        .member(&Member {
            path: b"new",
            pax: vec![(b"mtime", b"1700000001.123456789")],
            ..m()
        })
        .member(&Member {
            path: b"old",
            pax: vec![(b"mtime", b"-86400.5")],
            ..m()
        });
    let layer = f.add(archive);
    let root = f.view(&[layer]);
    let content = checksum(b"hello");
    let plain = "1700000000.000000000";
    let empty = format!("file 0 {:016x}", checksum(b""));
    let expected = [
        ("absolute", format!("-> /dir/file 777 0:0 {plain} x1")),
        (
            "big-owner",
            format!("{empty} 644 4000000000:3000000 {plain} x1"),
        ),
        ("dir", format!("directory 755 0:0 {plain} x0")),
        ("dir/empty", format!("{empty} 644 1000:70000 {plain} x1")),
        (
            "dir/file",
            format!("file 5 {content:016x} 4755 0:0 {plain} x1"),
        ),
        (
            "disk",
            format!(
                "block {:x} 660 0:0 {plain} x1",
                rustix::fs::makedev(259, 70_000)
            ),
        ),
        ("link", format!("-> dir/file 777 0:0 {plain} x1")),
        ("new", format!("{empty} 644 0:0 1700000001.123456789 x1")),
        ("null", format!("char 103 666 0:0 {plain} x1")),
        ("old", format!("{empty} 644 0:0 -86401.500000000 x1")),
        ("pipe", format!("fifo 600 0:0 {plain} x1")),
        ("tmp", format!("directory 1777 5:0 {plain} x0")),
    ];
    let found = list(&inside(&root, ""));
    let expected: Vec<(String, String)> = expected
        .into_iter()
        .map(|(name, line)| (name.to_owned(), line))
        .collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}

pub(super) fn long_and_strange_names(f: Fixture) {
    let deep = "d".repeat(200) + "/" + &"e".repeat(255) + "/" + &"f".repeat(120);
    let target = "t".repeat(255) + "/" + &"u/".repeat(1800) + "v";
    let strange = b"new\nline \xff\xfe \\ \" end";
    let m = Member::default;
    let gnu_name = "gnu/".to_owned() + &"n".repeat(230);
    let gnu_target = "g".repeat(700);
    let archive = Archive::default()
        .file(&deep, b"deep")
        .symlink("far", &target)
        .member(&Member {
            path: strange,
            content: b"strange",
            ..m()
        })
        .member(&Member {
            path: b"././@LongLink",
            flag: b'L',
            content: gnu_name.as_bytes(),
            ..m()
        })
        .member(&Member {
            path: b"././@LongLink",
            flag: b'K',
            content: gnu_target.as_bytes(),
            ..m()
        })
        .symlink("cut off", "cut off");
    let layer = f.add(archive);
    let root = f.view(&[layer]);
    assert_eq!(fs::read(inside(&root, &deep)).unwrap(), b"deep");
    assert_eq!(
        fs::read_link(inside(&root, "far"))
            .unwrap()
            .to_str()
            .unwrap(),
        target
    );
    assert_eq!(
        fs::read_link(inside(&root, &gnu_name))
            .unwrap()
            .to_str()
            .unwrap(),
        gnu_target
    );
    assert!(list(&inside(&root, "")).contains_key("new\\nline \\xff\\xfe \\\\ \\\" end"));
}

pub(super) fn directories_of_thousands(f: Fixture) {
    let mut archive = Archive::default();
    let name = |i: u32| {
        format!(
            "many/{:x}-{}",
            i.wrapping_mul(2_654_435_761),
            "n".repeat(i as usize % 90)
        )
    };
    for i in 0..3000 {
        archive = archive.file(&name(i), i.to_string().as_bytes());
    }
    let layer = f.add(archive);
    let root = f.view(&[layer]);
    for i in 0..3000 {
        assert_eq!(
            fs::read_to_string(inside(&root, &name(i))).unwrap(),
            i.to_string()
        );
    }
    assert_eq!(fs::read_dir(inside(&root, "many")).unwrap().count(), 3000);
    assert!(!inside(&root, "many/absent").exists());
}

pub(super) fn extended_attributes(f: Fixture) {
    // CAP_NET_RAW, permitted and effective, in the kernel's format 2.
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let long = vec![b'v'; 3000];
    let m = Member::default;
    let archive = Archive::default()
        .member(&Member {
            path: b"ping",
            mode: 0o755,
            uid: 7,
            pax: vec![(b"SCHILY.xattr.security.capability", capability)],
            ..m()
        })
        .member(&Member {
            path: b"many",
            pax: vec![
                (b"SCHILY.xattr.user.b", b"two\nlines"),
                (b"SCHILY.xattr.user.a", &long),
                (b"SCHILY.xattr.trusted.t", b""),
            ],
            ..m()
        })
        .member(&Member {
            path: b"dir",
            flag: b'5',
            pax: vec![(b"SCHILY.xattr.user.d", b"on a directory")],
            ..m()
        })
        // Not for a layer to say, and not for a symbolic link to have.
        .member(&Member {
            path: b"sly",
            flag: b'5',
            pax: vec![(b"SCHILY.xattr.trusted.overlay.redirect", b"/etc")],
            ..m()
        })
        .member(&Member {
            path: b"link",
            flag: b'2',
            link: b"ping",
            pax: vec![
                (b"SCHILY.xattr.user.no", b"no"),
                (b"SCHILY.xattr.trusted.yes", b"yes"),
            ],
            ..m()
        });
    let layer = f.add(archive);
    let root = f.view(&[layer]);
    let found = list(&inside(&root, ""));
    let has = |name: &str, text: &str| assert!(found[name].ends_with(text), "{}", found[name]);
    has(
        "ping",
        &format!(" security.capability={}", capability.escape_ascii()),
    );
    let a = format!(" user.a=3000:{:016x}", checksum(&long));
    has("many", &format!(" trusted.t={a} user.b=two\\nlines"));
    has("dir", " user.d=on a directory");
    has("sly", " x0");
    has("link", " trusted.yes=yes");
    assert!(!found["link"].contains("user.no"));
}

pub(super) fn hard_links(f: Fixture) {
    let archive = Archive::default()
        .file("a", b"shared")
        .directory("d")
        .hardlink("d/b", "a")
        .hardlink("c", "/d/../d/b")
        .symlink("s", "nowhere")
        .hardlink("t", "s")
        .file("gone", b"replaced")
        .hardlink("kept", "gone")
        .file("gone", b"new");
    let layer = f.add(archive);
    let root = f.view(std::slice::from_ref(&layer));
    let found = list(&inside(&root, ""));
    assert!(found["a"].contains(" x3"), "{}", found["a"]);
    assert!(found["c"].ends_with(" = a") && found["d/b"].ends_with(" = a"));
    assert!(found["t"].ends_with(" = s"), "{}", found["t"]);
    assert_eq!(fs::read(inside(&root, "kept")).unwrap(), b"replaced");
    assert_eq!(fs::read(inside(&root, "gone")).unwrap(), b"new");
    assert!(found["kept"].contains(" x1"));

    // Only within one layer: what lies below is not known while a layer is read.
    let Layer { diff_id, tar } = Archive::default().hardlink("x", "a").finish();
    let error = f.store().ingest(&diff_id, &mut &tar[..]).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error.to_string().contains(r#"hard link "x" names "a""#),
        "{error}"
    );
}

/// Offset, length and filling of each segment.
const SEGMENTS: [(u64, usize, u8); 4] = [
    (0, 512, b'a'),
    (4096, 4096, b'b'),
    (10_001, 77, b'c'),
    (99_990, 10, b'd'),
];
const SPARSE_SIZE: u64 = 100_000;

pub(super) fn sparse_files(f: Fixture) {
    let stored: Vec<u8> = SEGMENTS
        .iter()
        .flat_map(|(_, len, byte)| vec![*byte; *len])
        .collect();
    let mut expected = vec![0; SPARSE_SIZE as usize];
    for (at, len, byte) in SEGMENTS {
        expected[at as usize..at as usize + len].fill(byte);
    }
    let size = SPARSE_SIZE.to_string();
    let size = size.as_bytes();
    let comma: Vec<String> = SEGMENTS
        .iter()
        .map(|(at, len, _)| format!("{at},{len}"))
        .collect();
    let comma = comma.join(",");
    let mut lines = format!("{}\n", SEGMENTS.len());
    for (at, len, _) in SEGMENTS {
        writeln!(lines, "{at}\n{len}").unwrap();
    }
    let mut v10 = lines.into_bytes();
    v10.resize(v10.len().next_multiple_of(512), 0);
    v10.extend(&stored);
    let pairs: Vec<(String, String)> = SEGMENTS
        .iter()
        .map(|(at, len, _)| (at.to_string(), len.to_string()))
        .collect();
    let mut v00: Vec<(&[u8], &[u8])> =
        vec![(b"GNU.sparse.size", size), (b"GNU.sparse.numblocks", b"4")];
    for (at, len) in &pairs {
        v00.push((b"GNU.sparse.offset", at.as_bytes()));
        v00.push((b"GNU.sparse.numbytes", len.as_bytes()));
    }
    let m = Member::default;
    let archive = Archive::default()
        .odd(
            &Member {
                path: b"old",
                flag: b'S',
                content: &stored,
                ..m()
            },
            |block| {
                block[257..265].copy_from_slice(b"ustar  \0");
                for (i, (at, len, _)) in SEGMENTS.iter().enumerate() {
                    let field = format!("{at:011o}\0{len:011o}\0");
                    block[386 + 24 * i..410 + 24 * i].copy_from_slice(field.as_bytes());
                }
                block[483..495].copy_from_slice(format!("{SPARSE_SIZE:011o}\0").as_bytes());
            },
        )
        .raw(&stored)
        .member(&Member {
            path: b"pax00",
            content: &stored,
            pax: v00,
            ..m()
        })
        .member(&Member {
            path: b"GNUSparseFile.0/pax01",
            content: &stored,
            pax: vec![
                (b"GNU.sparse.size", size),
                (b"GNU.sparse.numblocks", b"4"),
                (b"GNU.sparse.name", b"pax01"),
                (b"GNU.sparse.map", comma.as_bytes()),
            ],
            ..m()
        })
        .member(&Member {
            path: b"GNUSparseFile.0/pax10",
            content: &v10,
            pax: vec![
                (b"GNU.sparse.major", b"1"),
                (b"GNU.sparse.minor", b"0"),
                (b"GNU.sparse.name", b"pax10"),
                (b"GNU.sparse.realsize", size),
            ],
            ..m()
        })
        .file("after", b"the archive goes on behind them");
    let layer = f.add(archive);
    let root = f.view(&[layer]);
    for name in ["old", "pax00", "pax01", "pax10"] {
        assert!(fs::read(inside(&root, name)).unwrap() == expected, "{name}");
    }
    assert_eq!(
        fs::read(inside(&root, "after")).unwrap(),
        b"the archive goes on behind them"
    );
}

pub(super) fn what_gnu_tar_writes(f: Fixture) {
    let scratch = scratch();
    let source = scratch.path().join("source");
    fs::create_dir(&source).unwrap();
    // Real files of the system the tests run on, and a file of 5 GiB that is nearly all hole.
    let copied = Command::new("cp")
        .args(["-a", "/etc"])
        .arg(&source)
        .status();
    assert!(copied.unwrap().success());
    let huge = fs::File::create(source.join("huge")).unwrap();
    huge.set_len((5 << 30) + 5).unwrap();
    huge.write_all_at(b"far out", (5 << 30) - 2).unwrap();
    huge.write_all_at(b"middle", 1 << 31).unwrap();
    drop(huge);
    for format in [
        "gnu",
        "posix --xattrs",
        "posix --sparse-version=0.1",
        "posix --sparse-version=0.0",
    ] {
        let tar = scratch.path().join("tar");
        let mut command = Command::new("tar");
        command
            .arg("--format")
            .args(format.split(' '))
            .args(["-S", "-C"]);
        let made = command
            .arg(&source)
            .arg("-cf")
            .arg(&tar)
            .arg(".")
            .status()
            .unwrap();
        assert!(made.success());
        let layer = Layer::from_bytes(fs::read(&tar).unwrap());
        f.store()
            .ingest(&layer.diff_id, &mut &layer.tar[..])
            .unwrap();
        let root = f.view(&[layer.diff_id]);
        let huge = fs::File::open(inside(&root, "huge")).unwrap();
        assert_eq!(huge.metadata().unwrap().size(), (5 << 30) + 5);
        let mut bytes = [0; 9];
        huge.read_exact_at(&mut bytes, (5 << 30) - 4).unwrap();
        assert_eq!(&bytes, b"\0\0far out");
        huge.read_exact_at(&mut bytes, (1 << 31) - 1).unwrap();
        assert_eq!(&bytes, b"\0middle\0\0");
        for part in ["etc"] {
            let found = list(&inside(&root, part));
            let mut expected = list(&source.join(part));
            if format == "gnu" {
                // Whole seconds is all that this format knows.
                for line in expected.values_mut() {
                    // The time stands before the count of links; no attribute follows in /etc.
                    let at = line.rfind(" x").unwrap();
                    line.replace_range(at - 9..at, "000000000");
                }
            }
            assert_eq!(found.len(), expected.len());
            for (name, line) in &expected {
                assert_eq!(&found[name], line, "{format} {part}/{name}");
            }
        }
    }
}

pub(super) fn later_entries_win(f: Fixture) {
    let archive = Archive::default()
        .file("a", b"first")
        .file("a", b"second")
        .file("b/inner", b"lost")
        .file("b", b"a file now")
        .file("c", b"lost")
        .file("c/inner", b"a directory now")
        .directory("d")
        .file("d/kept", b"kept")
        .member(&Member {
            path: b"d",
            flag: b'5',
            mode: 0o700,
            ..Member::default()
        })
        .symlink("e", "d")
        .directory("e");
    let layer = f.add(archive);
    let root = f.view(&[layer]);
    assert_eq!(fs::read(inside(&root, "a")).unwrap(), b"second");
    assert_eq!(fs::read(inside(&root, "b")).unwrap(), b"a file now");
    assert_eq!(
        fs::read(inside(&root, "c/inner")).unwrap(),
        b"a directory now"
    );
    assert_eq!(fs::read(inside(&root, "d/kept")).unwrap(), b"kept");
    assert_eq!(
        fs::metadata(inside(&root, "d")).unwrap().mode() & 0o777,
        0o700
    );
    assert!(fs::symlink_metadata(inside(&root, "e")).unwrap().is_dir());
}

pub(super) fn missing_directories_are_made(f: Fixture) {
    let member = Member {
        path: b"x/y/z",
        uid: 9,
        mode: 0o600,
        ..Member::default()
    };
    let layer = f.add(Archive::default().member(&member));
    let root = f.view(&[layer]);
    let found = list(&inside(&root, ""));
    assert_eq!(found["x/y"], "directory 755 0:0 1700000000.000000000 x0");
}

pub(super) fn the_archive_comes_back(f: Fixture) {
    // Behind its end an archive may have anything: it is part of what the digest covers.
    let mut tar = Archive::default().file("a", b"content").finish().tar;
    tar.extend(b"trailing garbage");
    let layer = Layer::from_bytes(tar);
    f.store()
        .ingest(&layer.diff_id, &mut &layer.tar[..])
        .unwrap();
    let info = f.store().layer(&layer.diff_id).unwrap().unwrap();
    assert_eq!(
        (info.size, info.tar_size, info.entries),
        (7, layer.tar.len() as u64, 1)
    );
    let mut bytes = Vec::new();
    let mut tar = f.store().open_tar(&layer.diff_id).unwrap();
    tar.read_to_end(&mut bytes).unwrap();
    assert!(bytes == layer.tar);
    f.assert_clean();
}
