//! Loading archives, whole and hostile.

use std::io::Cursor;

use gantry_image::{Error, Kind, Loaded};
use serde_json::json;

use crate::fixture::{Sample, Store, Told, gzip, tar};

fn load(store: &Store, archive: Vec<u8>) -> Result<(Vec<Loaded>, Vec<String>), Error> {
    let told = Told::new();
    let loaded = store.images.load(Cursor::new(archive), None, &*told)?;
    Ok((loaded, told.lines()))
}

/// The store holds nothing at all.
fn assert_empty(store: &Store) {
    assert_eq!((store.images.count(), store.layers()), (0, 0));
    assert_eq!(store.content_files(), Vec::<String>::new());
}

#[test]
fn an_archive_of_docker_save_is_loaded_whatever_its_compression() {
    let sample = Sample::new("saved", &[400_000, 1000]);
    let plain = sample.docker_archive(&["app:1", "reg.test/app:2"]);
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    for archive in [gzip(&plain), zstd, plain] {
        let store = Store::new();
        let (loaded, lines) = load(&store, archive).unwrap();
        assert_eq!(loaded.len(), 2);
        assert!(lines.iter().any(|line| line.ends_with(": Loading layer")));
        assert_eq!(lines[lines.len() - 2], "Loaded image: app:1\n");
        assert_eq!(lines[lines.len() - 1], "Loaded image: reg.test/app:2\n");
        let image = store.images.resolve("app:1").unwrap();
        assert_eq!(image.id.to_string(), sample.id());
        assert_eq!(image.size, 401_000);
    }
}

#[test]
fn an_archive_without_tags_is_loaded_by_id() {
    let store = Store::new();
    let sample = Sample::new("untagged", &[10]);
    let (_, lines) = load(&store, sample.docker_archive(&[])).unwrap();
    assert_eq!(
        lines.last().unwrap(),
        &format!("Loaded image ID: {}\n", sample.id())
    );
    assert!(store.images.resolve(&sample.id()).unwrap().is_dangling());
}

#[test]
fn an_oci_layout_is_loaded_with_the_names_of_its_annotations() {
    let sample = Sample::new("layout", &[400_000, 20]);
    let annotations = [
        (
            json!({"io.containerd.image.name": "docker.io/library/app:1"}),
            "app:1",
        ),
        (
            json!({"org.opencontainers.image.ref.name": "reg.test/app:2"}),
            "reg.test/app:2",
        ),
    ];
    for (annotation, name) in annotations {
        let store = Store::new();
        let (_, lines) = load(&store, sample.layout(annotation)).unwrap();
        assert_eq!(lines.last().unwrap(), &format!("Loaded image: {name}\n"));
        let image = store.images.resolve(name).unwrap();
        assert_eq!(image.id.to_string(), sample.id());
        assert!(image.manifest.is_some());
    }
    let store = Store::new();
    let mere_tag = json!({"org.opencontainers.image.ref.name": "latest"});
    let (_, lines) = load(&store, sample.layout(mere_tag)).unwrap();
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with("Loaded image ID: sha256:")
    );
}

/// What Docker 25 and later save: a layout with plain layers and a manifest.json.
#[test]
fn plain_layers_of_a_layout_stream_into_the_store() {
    let mut sample = Sample::new("plain", &[400_000, 900_000]);
    sample.packed = sample.layers.clone();
    let blob = |bytes: &[u8]| {
        format!(
            "blobs/sha256/{}",
            gantry_archive::Digester::sha256(bytes).hex()
        )
    };
    let manifest = json!([{
        "Config": blob(&sample.config), "RepoTags": ["app:1"],
        "Layers": sample.layers.iter().map(|layer| blob(layer)).collect::<Vec<_>>(),
    }]);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let names: Vec<String> = sample.layers.iter().map(|layer| blob(layer)).collect();
    let config = blob(&sample.config);
    let mut entries: Vec<(&str, &[u8])> = vec![(&config, &sample.config)];
    entries.extend(
        names
            .iter()
            .zip(&sample.layers)
            .map(|(name, layer)| (&name[..], &layer[..])),
    );
    entries.push(("manifest.json", &manifest));
    let store = Store::new();
    load(&store, tar(&entries)).unwrap();
    assert_eq!(store.images.resolve("app:1").unwrap().layers.len(), 2);
    // A second time nothing is new, and all is well.
    load(&store, tar(&entries)).unwrap();
}

#[test]
fn a_truncated_archive_leaves_nothing() {
    let sample = Sample::new("truncated", &[400_000, 400_000]);
    let whole = sample.docker_archive(&["app:1"]);
    let packed = gzip(&whole);
    for archive in [
        whole[..500_000].to_vec(),
        packed[..packed.len() - 50].to_vec(),
    ] {
        let store = Store::new();
        let error = load(&store, archive).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        assert_empty(&store);
    }
}

#[test]
fn hostile_entries_are_refused() {
    let hostile = |name: &str, kind: tar::EntryType, link: &str| {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.extend(Sample::new("behind", &[10]).docker_archive(&["app:1"]));
        archive
    };
    for (name, kind, link, word) in [
        (
            "../../etc/cron.d/x",
            tar::EntryType::Regular,
            "",
            "leave the archive",
        ),
        (
            "/etc/cron.d/x",
            tar::EntryType::Regular,
            "",
            "leave the archive",
        ),
        (
            "x",
            tar::EntryType::Symlink,
            "/etc/shadow",
            "leaves the archive",
        ),
        (
            "x",
            tar::EntryType::Link,
            "../../etc/shadow",
            "leaves the archive",
        ),
        ("x", tar::EntryType::Block, "", "block device"),
        ("x", tar::EntryType::Fifo, "", "named pipe"),
    ] {
        let store = Store::new();
        let error = load(&store, hostile(name, kind, link)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert_empty(&store);
    }
}

#[test]
fn archives_that_do_not_hold_together_are_refused() {
    let sample = Sample::new("apart", &[10]);
    let entries = |manifest: &str| {
        tar(&[
            ("config.json", &sample.config),
            ("manifest.json", manifest.as_bytes()),
        ])
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (tar(&[("x", b"y")]), "neither manifest.json nor index.json"),
        (Vec::new(), "neither manifest.json nor index.json"),
        (entries("{"), "invalid manifest of manifest.json"),
        (
            entries(r#"[{"Config":"gone","Layers":[]}]"#),
            "has no configuration gone",
        ),
        (
            entries(r#"[{"Config":"config.json","Layers":["gone"]}]"#),
            "has no layer gone",
        ),
        (
            entries(r#"[{"Config":"config.json","Layers":[]}]"#),
            "1 diff IDs for 0 layers",
        ),
    ];
    for (archive, word) in cases {
        let store = Store::new();
        let error = load(&store, archive).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert_empty(&store);
    }
}

#[test]
fn layers_with_other_content_than_promised_are_refused() {
    let mut sample = Sample::new("liar", &[400_000]);
    sample.layers[0] = tar(&[("other", b"content")]);
    let store = Store::new();
    let error = load(&store, sample.docker_archive(&["app:1"])).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    assert_empty(&store);
}

#[test]
fn links_between_layers_are_followed() {
    let sample = Sample::new("linked", &[10]);
    let manifest = r#"[{"Config":"config.json","RepoTags":["app:1"],"Layers":["a/layer.tar"]}]"#;
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    add("config.json", &sample.config);
    add("b/layer.tar", &sample.layers[0]);
    add("manifest.json", manifest.as_bytes());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder
        .append_link(&mut header, "a/layer.tar", "../b/layer.tar")
        .unwrap();
    let store = Store::new();
    load(&store, builder.into_inner().unwrap()).unwrap();
    assert!(store.images.resolve("app:1").is_ok());
}
