//! Looking things up, and what a crash leaves.

use std::io::Cursor;

use gantry_image::{Error, Filter, Kind};
use gantry_oci::{ContainerDefaults, ImageConfig};
use gantry_reference::Reference;

use crate::fixture::{Sample, Store, tar};

fn store_with(samples: &[(&Sample, &[&str])]) -> Store {
    let store = Store::new();
    for (sample, tags) in samples {
        store
            .images
            .load(Cursor::new(sample.docker_archive(tags)), None, &())
            .unwrap();
    }
    store
}

#[test]
fn an_image_is_found_by_name_id_and_the_start_of_its_id() {
    let sample = Sample::new("find", &[10]);
    let store = store_with(&[(&sample, &["team/app:1", "app:latest"])]);
    let id = sample.id();
    for text in [
        "team/app:1",
        "app",
        "docker.io/library/app:latest",
        &id,
        &id[7..],
        &id[7..12],
        &id[..12],
    ] {
        assert_eq!(
            store.images.resolve(text).unwrap().id.to_string(),
            id,
            "{text}"
        );
    }
    for (text, message) in [
        ("team/app", "No such image: team/app:latest"),
        (
            "Upper",
            "invalid reference format: repository name (library/Upper) must be lowercase",
        ),
        ("a b", "invalid reference format"),
    ] {
        assert_eq!(store.images.resolve(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn the_start_of_several_ids_is_ambiguous() {
    let samples: Vec<Sample> = (0..17)
        .map(|n| Sample::new(&format!("many-{n}"), &[1]))
        .collect();
    let list: Vec<(&Sample, &[&str])> = samples.iter().map(|sample| (sample, &[][..])).collect();
    let store = store_with(&list);
    // Seventeen ids, sixteen first digits.
    let error = "0123456789abcdef".chars().find_map(|digit| {
        let error = store.images.resolve(&digit.to_string()).err()?;
        matches!(error, Error::Ambiguous { .. }).then_some(error)
    });
    assert_eq!(error.unwrap().kind(), Kind::Invalid);
}

#[test]
fn lists_are_filtered() {
    let one = Sample::new("one", &[10]);
    let two = Sample::new("two", &[10]);
    let store = store_with(&[(&one, &["app:1", "app:2"]), (&two, &[])]);
    let names = |pairs: &[(&str, &str)]| {
        let filter = Filter::parse(pairs.iter().copied()).unwrap();
        let images = store.images.list(&filter).unwrap();
        images
            .iter()
            .map(|image| image.repo_tags.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&[]).len(), 2);
    assert_eq!(names(&[("dangling", "true")]), [0]);
    assert_eq!(names(&[("dangling", "false")]), [2]);
    assert_eq!(names(&[("reference", "app:1")]), [1]);
    assert_eq!(names(&[("reference", "a*")]), [2]);
    assert_eq!(names(&[("label", "name=two")]), [0]);
    assert_eq!(names(&[("label", "name")]).len(), 2);
    assert!(names(&[("before", "app:1")]).is_empty());
    assert!(names(&[("until", "2020-01-01T00:00:00Z")]).is_empty());
    assert!(matches!(
        Filter::parse([("nonsense", "1")]),
        Err(Error::Filter(_))
    ));
}

#[test]
fn history_has_a_size_for_each_layer() {
    let sample = Sample::new("history", &[10, 20]);
    let store = store_with(&[(&sample, &["app:1"])]);
    let history = store.images.history("app:1").unwrap();
    assert_eq!(
        history.iter().map(|step| step.size).collect::<Vec<_>>(),
        [20, 10]
    );
    assert_eq!(history[0].created_by, "step 1");
    assert_eq!(history[0].image.as_ref().unwrap().to_string(), sample.id());
    assert_eq!(history[0].tags[0].familiar(), "app:1");
    assert!(history[1].image.is_none());
}

#[test]
fn an_embedded_image_is_there_without_a_network() {
    let store = Store::new();
    let layer = tar(&[("hello", b"program")]);
    let config = ImageConfig {
        os: "linux".into(),
        architecture: "amd64".into(),
        config: ContainerDefaults {
            cmd: Some(vec!["/hello".into()]),
            ..ContainerDefaults::default()
        },
        ..ImageConfig::default()
    };
    let name = Reference::parse("gantry/hello").unwrap();
    let id = store
        .images
        .ensure_embedded(&name, &[&layer], &config)
        .unwrap();
    assert_eq!(
        store
            .images
            .ensure_embedded(&name, &[&layer], &config)
            .unwrap(),
        id
    );
    let image = store.images.resolve("gantry/hello").unwrap();
    assert_eq!(
        image.config.config.cmd.as_deref(),
        Some(&["/hello".to_owned()][..])
    );
    assert_eq!(image.layers.len(), 1);
}

#[test]
fn what_a_crash_left_without_a_name_is_swept_at_the_next_start() {
    let sample = Sample::new("kept", &[10]);
    let store = store_with(&[(&sample, &["app:1"])]);
    // A layer and a blob of an image whose record was never written.
    let layer = tar(&[("lost", b"x")]);
    let diff_id = gantry_archive::Digester::sha256(&layer);
    store
        .images
        .snapshotter()
        .ingest(&diff_id, &mut &layer[..])
        .unwrap();
    let blob = store
        .dir
        .path()
        .join("content/blobs/sha256")
        .join("0".repeat(64));
    std::fs::write(&blob, b"half").unwrap();
    let store = store.reopened();
    assert_eq!(store.layers(), 1);
    assert!(!blob.exists());
    assert!(store.images.resolve("app:1").is_ok());
}
