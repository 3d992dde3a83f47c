//! `rmi`, by Docker's rules.

use std::io::Cursor;

use gantry_image::{Error, Kind, RemoveOptions, Removed, UsedBy};
use gantry_reference::{ImageId, Reference};

use crate::fixture::{Sample, Store};

const PLAIN: RemoveOptions = RemoveOptions {
    force: false,
    keep_parents: false,
};
const FORCE: RemoveOptions = RemoveOptions {
    force: true,
    keep_parents: false,
};

fn store_with(sample: &Sample, tags: &[&str]) -> Store {
    let store = Store::new();
    store
        .images
        .load(Cursor::new(sample.docker_archive(tags)), None, &())
        .unwrap();
    store
}

fn nobody(_: &ImageId) -> Vec<UsedBy> {
    Vec::new()
}

fn user(running: bool) -> impl Fn(&ImageId) -> Vec<UsedBy> {
    move |_| {
        vec![UsedBy {
            container: "0123456789abcdef".into(),
            running,
        }]
    }
}

fn untagged(name: &str) -> Removed {
    Removed::Untagged(name.into())
}

#[test]
fn a_name_goes_and_with_the_last_one_the_image() {
    let sample = Sample::new("names", &[10, 20]);
    let store = store_with(&sample, &["a:1", "b:1"]);
    assert_eq!(
        store.images.remove("a:1", PLAIN, &nobody).unwrap(),
        [untagged("a:1")]
    );
    let removed = store.images.remove("b:1", PLAIN, &nobody).unwrap();
    assert_eq!(removed[0], untagged("b:1"));
    assert_eq!(removed[1], Removed::Image(sample.id().parse().unwrap()));
    assert!(
        matches!(removed[2], Removed::Layer { size: 20, .. }),
        "the topmost first"
    );
    assert_eq!(removed.len(), 4);
    assert_eq!(
        (
            store.images.count(),
            store.layers(),
            store.content_files().len()
        ),
        (0, 0, 0)
    );
    let error = store.images.remove("b:1", PLAIN, &nobody).unwrap_err();
    assert_eq!(error.to_string(), "No such image: b:1");
}

#[test]
fn an_id_with_several_names_wants_force() {
    let sample = Sample::new("several", &[10]);
    let store = store_with(&sample, &["a:1", "b:1"]);
    let error = store
        .images
        .remove(&sample.id(), PLAIN, &nobody)
        .unwrap_err();
    let short = &sample.id()[7..19];
    assert_eq!(
        error.to_string(),
        format!(
            "conflict: unable to delete {short} (must be forced) - image is referenced in multiple \
             repositories"
        )
    );
    assert_eq!(error.kind(), Kind::Conflict);
    let removed = store.images.remove(short, FORCE, &nobody).unwrap();
    assert_eq!(removed[..2], [untagged("a:1"), untagged("b:1")]);
    assert_eq!(store.images.count(), 0);
}

#[test]
fn containers_protect_their_images() {
    let sample = Sample::new("used", &[10]);
    let short = &sample.id()[7..19];
    let store = store_with(&sample, &["a:1"]);
    let error = |text: &str, options, running| {
        store
            .images
            .remove(text, options, &user(running))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("a:1", PLAIN, false),
        format!(
            "conflict: unable to remove repository reference \"a:1\" (must force) - container \
             0123456789ab is using its referenced image {short}"
        )
    );
    assert_eq!(
        error(&sample.id(), PLAIN, false),
        format!(
            "conflict: unable to delete {short} (must be forced) - image is being used by stopped \
             container 0123456789ab"
        )
    );
    assert_eq!(
        error(&sample.id(), FORCE, true),
        format!(
            "conflict: unable to delete {short} (cannot be forced) - image is being used by running \
             container 0123456789ab"
        )
    );
    // Force takes the name, and leaves the running container its image.
    assert_eq!(
        store.images.remove("a:1", FORCE, &user(true)).unwrap(),
        [untagged("a:1")]
    );
    assert!(store.images.resolve(&sample.id()).unwrap().is_dangling());
    store
        .images
        .remove(&sample.id(), FORCE, &user(false))
        .unwrap();
    assert_eq!(store.images.count(), 0);
}

#[test]
fn shared_layers_stay_for_the_other_image() {
    let base = Sample::new("base", &[10]);
    let mut layers = base.layers.clone();
    layers.extend(Sample::new("top", &[20]).layers);
    let store = store_with(&base, &["base:1"]);
    let top = Sample::of("top", layers);
    store
        .images
        .load(Cursor::new(top.docker_archive(&["top:1"])), None, &())
        .unwrap();
    assert_eq!(store.layers(), 2);
    store.images.remove("base:1", PLAIN, &nobody).unwrap();
    assert_eq!(store.layers(), 2);
    store.images.remove("top:1", PLAIN, &nobody).unwrap();
    assert_eq!(store.layers(), 0);
}

#[test]
fn layers_under_a_container_stay_until_it_is_gone() {
    let sample = Sample::new("under", &[10]);
    let store = store_with(&sample, &["a:1"]);
    let layers = store.images.resolve("a:1").unwrap().layers;
    store
        .images
        .snapshotter()
        .prepare("container", &layers)
        .unwrap();
    let removed = store.images.remove("a:1", FORCE, &user(false)).unwrap();
    assert!(
        !removed
            .iter()
            .any(|one| matches!(one, Removed::Layer { .. }))
    );
    assert_eq!(store.layers(), 1);
    store.images.snapshotter().remove("container").unwrap();
    store.images.sweep().unwrap();
    assert_eq!(store.layers(), 0);
}

#[test]
fn tagging_moves_names() {
    let first = Sample::new("first", &[10]);
    let store = store_with(&first, &["a:1"]);
    let second = Sample::new("second", &[10]);
    store
        .images
        .load(Cursor::new(second.docker_archive(&["b:1"])), None, &())
        .unwrap();
    let target = Reference::parse("a:1").unwrap();
    store.images.tag("b:1", &target).unwrap();
    assert_eq!(
        store.images.resolve("a:1").unwrap().id.to_string(),
        second.id()
    );
    assert!(store.images.resolve(&first.id()).unwrap().is_dangling());
    let digest = target.with_digest(first.id().parse().unwrap());
    assert!(matches!(
        store.images.tag("b:1", &digest),
        Err(Error::TagWithDigest)
    ));
}
