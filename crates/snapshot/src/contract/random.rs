//! Archives nobody would think of.

use std::io::BufRead;

use proptest::prelude::*;

use super::archive::{Archive, Layer, Member};
use super::listing::{inside, list};
use super::{Fixture, Which};
use crate::erofs::write_index;
use crate::tar::Reader;
use crate::tree::Tree;

/// All that is done with foreign bytes before the kernel sees any; as a fuzz target does it.
fn digest_bytes(mut tar: &[u8]) {
    let mut tree = Tree::new();
    let mut reader = Reader::new(&mut tar as &mut dyn BufRead);
    while let Ok(Some(entry)) = reader.next_entry() {
        if tree.apply(entry).is_err() {
            return;
        }
    }
    tree.finish();
    let _ = write_index(&tree, &tar, tar.len() as u64, [0; 16], &mut std::io::sink());
}

/// One of everything.
fn sample() -> Vec<u8> {
    let m = Member::default;
    let sparse = b"2\n0\n3\n700\n3\n".to_vec();
    let mut content = sparse;
    content.resize(512, 0);
    content.extend(b"abcdef");
    Archive::default()
        .directory("d")
        .file("d/f", &[7; 600])
        .symlink("s", "d")
        .hardlink("s/h", "d/f")
        .file(".wh.w", b"")
        .file(&"long/".repeat(40), b"")
        .member(&Member {
            path: b"c",
            flag: b'3',
            device: (1, 3),
            ..m()
        })
        .member(&Member {
            path: b"x",
            pax: vec![(b"SCHILY.xattr.user.x", b"y")],
            ..m()
        })
        .member(&Member {
            path: b"p",
            content: &content,
            pax: vec![
                (b"GNU.sparse.major", b"1"),
                (b"GNU.sparse.minor", b"0"),
                (b"GNU.sparse.realsize", b"703"),
            ],
            ..m()
        })
        .finish()
        .tar
}

/// Sets a header's checksum right again, so that damage reaches what is behind it.
fn reseal(tar: &mut [u8], at: usize) {
    let at = at / 512 * 512;
    if let Some(block) = tar.get_mut(at..at + 512)
        && block[257..262] == *b"ustar"
    {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// A step of an archive: name, kind, target.
fn step() -> impl Strategy<Value = (usize, u8, usize)> {
    (0..NAMES.len(), 0..6u8, 0..NAMES.len())
}

const NAMES: [&str; 16] = [
    "a",
    "b",
    "c",
    "a/b",
    "b/c",
    "c/a",
    "a/b/c",
    "b/a/c",
    "../a",
    "/b/./c",
    "a/../c/b",
    ".wh.a",
    "a/.wh.b",
    "b/.wh..wh..opq",
    "c/.wh.a",
    "./",
];

fn build(steps: &[(usize, u8, usize)]) -> Layer {
    let mut archive = Archive::default();
    for (number, (name, kind, target)) in steps.iter().enumerate() {
        let (name, target) = (NAMES[*name], NAMES[*target]);
        let mode = 0o600 + number as u32 % 0o100;
        let path = name.as_bytes();
        archive = match kind {
            0 => archive.symlink(name, target),
            1 => archive.hardlink(name, target),
            2 | 3 => archive.member(&Member {
                path,
                flag: b'5',
                mode,
                ..Member::default()
            }),
            _ => archive.file(name, number.to_string().as_bytes()),
        };
    }
    archive.finish()
}

fn fixture(driver: &'static str) -> Option<Fixture> {
    Fixture::new(Which {
        driver,
        method: None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_archives_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        sealed in any::<bool>(),
    ) {
        let mut tar = sample();
        for (at, byte) in edits {
            let at = at.index(tar.len());
            tar[at] = byte;
            if sealed {
                reseal(&mut tar, at);
            }
        }
        let cut = cut.index(tar.len() * 4);
        tar.truncate(cut.max(512));
        digest_bytes(&tar);
    }
}

/// Whatever an archive says, both drivers understand the same by it, alone and on top of another.
#[test]
fn the_drivers_agree() {
    let (Some(erofs), Some(overlay)) = (fixture("erofs"), fixture("overlay")) else {
        return;
    };
    let config = ProptestConfig {
        cases: 150,
        ..ProptestConfig::default()
    };
    let steps = || prop::collection::vec(step(), 1..14);
    proptest!(config, |(below in steps(), above in steps())| {
        let layers = [build(&below), build(&above)];
        let outcome = |f: &Fixture| {
            let mut trees = Vec::new();
            let mut whole = Vec::new();
            for Layer { diff_id, tar } in &layers {
                match f.store().ingest(diff_id, &mut &tar[..]) {
                    Ok(_) => whole.push(diff_id.clone()),
                    Err(error) => trees.push([(String::new(), error.to_string())].into()),
                }
            }
            for stack in [&whole[..], &whole[..whole.len().min(1)]] {
                let root = f.view(stack);
                let mut tree = list(&inside(&root, ""));
                // The root's own line is not in the list.
                let mode = std::fs::metadata(inside(&root, "")).unwrap().permissions();
                tree.insert("/".to_owned(), format!("{mode:?}"));
                trees.push(tree);
            }
            trees
        };
        prop_assert_eq!(outcome(&erofs), outcome(&overlay));
    });
}
