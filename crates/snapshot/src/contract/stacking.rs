//! Layers on top of each other.

use std::fs;
use std::os::unix::fs::MetadataExt;

use gantry_reference::Digest;

use super::Fixture;
use super::archive::{Archive, Member};
use super::listing::{inside, list};
use crate::Kind;

/// The names in a tree, joined.
fn names(root: &std::os::fd::OwnedFd) -> String {
    list(&inside(root, ""))
        .into_keys()
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn whiteouts_hide(f: Fixture) {
    let base = f.add(
        Archive::default()
            .file("a/x", b"")
            .file("a/y", b"")
            .file("b/z", b"")
            .file("c", b""),
    );
    let top = f.add(
        Archive::default()
            .file("a/.wh.x", b"")
            .file(".wh.b", b"")
            .file(".wh..wh.plnk", b""),
    );
    assert_eq!(names(&f.view(&[base.clone(), top.clone()])), "a a/y c");
    let again = f.add(Archive::default().file("b/new", b""));
    assert_eq!(names(&f.view(&[base, top, again])), "a a/y b b/new c");
}

pub(super) fn opaque_directories_hide(f: Fixture) {
    let base = f.add(
        Archive::default()
            .file("a/x", b"")
            .file("a/s/y", b"")
            .file("b/z", b""),
    );
    let top = f.add(
        Archive::default()
            .file("a/new", b"")
            .file("a/.wh.x", b"")
            .file("a/.wh..wh..opq", b"")
            .file("a/s/.wh.y", b"")
            .file("a/s/t", b""),
    );
    assert_eq!(names(&f.view(&[base, top])), "a a/new a/s a/s/t b b/z");
}

pub(super) fn a_whiteout_spares_its_own_layer(f: Fixture) {
    let base = f.add(
        Archive::default()
            .file("d/old", b"")
            .file("e/old", b"")
            .file("f", b"old"),
    );
    let top = f.add(
        Archive::default()
            // Before and after what replaces it.
            .file(".wh.d", b"")
            .directory("d")
            .file("d/new", b"")
            .directory("e")
            .file("e/new", b"")
            .file(".wh.e", b"")
            .file("f", b"new")
            .file(".wh.f", b""),
    );
    let root = f.view(&[base, top]);
    assert_eq!(names(&root), "d d/new e e/new f");
    assert_eq!(fs::read(inside(&root, "f")).unwrap(), b"new");
}

pub(super) fn five_hundred_layers(f: Fixture) {
    let layers: Vec<Digest> = (0..500)
        .map(|i: u32| {
            let text = i.to_string();
            f.add(
                Archive::default()
                    .file(&format!("own/{i}"), b"")
                    .file("top", text.as_bytes()),
            )
        })
        .collect();
    let mounted = f.container("c", &layers);
    assert_eq!(fs::read(inside(&mounted.root, "top")).unwrap(), b"499");
    assert_eq!(
        fs::read_dir(inside(&mounted.root, "own")).unwrap().count(),
        500
    );
    fs::write(inside(&mounted.root, "own/0"), b"written").unwrap();
    let mut more = layers.clone();
    more.push(f.add(Archive::default().file("one too many", b"")));
    let error = f.store().prepare("d", &more).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    drop(mounted);
    f.assert_clean();
}

pub(super) fn a_repeated_layer(f: Fixture) {
    let a = f.add(
        Archive::default()
            .file("a", b"a")
            .file("both", b"a")
            .file(".wh.gone", b""),
    );
    let b = f.add(
        Archive::default()
            .file("b", b"b")
            .file("both", b"b")
            .file("gone", b""),
    );
    let mounted = f.container("c", &[a.clone(), b.clone(), a.clone()]);
    assert_eq!(names(&mounted.root), "a b both");
    assert_eq!(fs::read(inside(&mounted.root, "both")).unwrap(), b"a");
    drop(mounted);
    assert_eq!(names(&f.view(&[b.clone(), a, b])), "a b both gone");
}

pub(super) fn an_image_from_scratch(f: Fixture) {
    let mounted = f.container("empty", &[]);
    assert_eq!(names(&mounted.root), "");
    fs::create_dir(inside(&mounted.root, "dev")).unwrap();
    assert_eq!(names(&mounted.root), "dev");
    let nothing = f.view(&[]);
    assert_eq!(names(&nothing), "");
    assert!(fs::create_dir(inside(&nothing, "dev")).is_err());
}

pub(super) fn containers_are_independent(f: Fixture) {
    let base = f.add(
        Archive::default()
            .file("shared", b"original")
            .file("gone", b""),
    );
    let view = f.view(std::slice::from_ref(&base));
    let one = f.container("one", std::slice::from_ref(&base));
    let two = f.container("two", std::slice::from_ref(&base));
    fs::write(inside(&one.root, "shared"), b"changed").unwrap();
    fs::remove_file(inside(&one.root, "gone")).unwrap();
    fs::write(inside(&two.root, "own"), b"own").unwrap();
    assert_eq!(names(&one.root), "shared");
    assert_eq!(names(&two.root), "gone own shared");
    assert_eq!(fs::read(inside(&two.root, "shared")).unwrap(), b"original");
    assert_eq!(names(&view), "gone shared");
    // The changes lie where `upper` says, in overlay's form.
    let upper = list(&f.store().upper("one"));
    assert!(upper["gone"].starts_with("char 0 "), "{}", upper["gone"]);
    assert!(
        upper["shared"].starts_with("file 7 "),
        "{}",
        upper["shared"]
    );
    assert!(fs::write(inside(&view, "shared"), b"no").is_err());
}

pub(super) fn the_root_is_everybodys(f: Fixture) {
    let root = |mode, uid| Member {
        path: b"./",
        flag: b'5',
        mode,
        uid,
        ..Member::default()
    };
    let base = f.add(Archive::default().member(&root(0o700, 5)));
    let middle = f.add(Archive::default().member(&root(0o1770, 6)).file("a", b""));
    let top = f.add(Archive::default().file("b", b""));
    let shown = |key, layers: &[Digest]| {
        let mounted = f.container(key, layers);
        let meta = fs::metadata(inside(&mounted.root, "")).unwrap();
        (meta.mode() & 0o7777, meta.uid())
    };
    let all = [base, middle, top];
    for (number, key) in ["one", "two", "three"].into_iter().enumerate() {
        assert_eq!(shown(key, &all[..=number]), (0o755, 0), "{key}");
    }
}

pub(super) fn nothing_is_mounted_for_others_to_see(f: Fixture) {
    // Other tests run beside this one: look for what only this one can have mounted.
    let ours = |text: String| {
        let scratch = f.scratch.path().to_str().unwrap().to_owned();
        text.lines()
            .filter(|line| line.contains(" erofs ") || line.contains(&scratch))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let table = || ours(fs::read_to_string("/proc/self/mountinfo").unwrap());
    assert_eq!(table(), [""; 0]);
    let base = f.add(Archive::default().file("a", b""));
    let mounted = f.container("c", &[base]);
    assert_eq!(table(), [""; 0]);
    drop(mounted);
    assert_eq!(table(), [""; 0]);
}
