//! Images made of nothing, and a store to put them in.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use gantry_archive::Digester;
use gantry_image::{Event, Images, Progress, Setup};
use gantry_reference::Digest;
use gantry_registry_client::{Client, Config, Proxies};
use serde_json::{Value, json};

/// A store in a directory of its own.
pub(crate) struct Store {
    pub(crate) images: Images,
    pub(crate) dir: tempfile::TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let images = open(dir.path(), &[]);
        Self { images, dir }
    }

    /// The same data, as a daemon after a crash finds it.
    pub(crate) fn reopened(self) -> Self {
        let Self { images, dir } = self;
        drop(images);
        let images = open(dir.path(), &[]);
        Self { images, dir }
    }

    /// Files below `content/`, to see what remains.
    pub(crate) fn content_files(&self) -> Vec<String> {
        let mut found = Vec::new();
        for part in ["blobs/sha256", "ingest"] {
            let dir = self.dir.path().join("content").join(part);
            let names = std::fs::read_dir(dir).unwrap();
            found.extend(names.map(|e| e.unwrap().file_name().into_string().unwrap()));
        }
        found
    }

    pub(crate) fn layers(&self) -> usize {
        self.images.snapshotter().layers().unwrap().len()
    }
}

pub(crate) fn open(dir: &Path, mirrors: &[String]) -> Images {
    let registry = Client::new(&Config {
        registry_mirrors: mirrors.to_vec(),
        proxies: Some(Proxies::default()),
        ..Config::default()
    });
    let run_root = dir.join("run");
    std::fs::create_dir_all(&run_root).unwrap();
    Images::open(Setup {
        data_root: dir.to_owned(),
        snapshotter: gantry_snapshot::open(dir, &run_root, Some("overlay")).unwrap(),
        registry: registry.unwrap(),
        max_concurrent_downloads: 3,
    })
    .unwrap()
}

/// Collects what is told.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn report(&self, event: Event<'_>) {
        let line = match event {
            Event::Status { id: Some(id), text } => format!("{id}: {text}"),
            Event::Status { id: None, text } => text,
            Event::Layer { id, step } => format!("{id}: {}", step.status()),
            Event::LayerMounted { id, from } => format!("{id}: Mounted from {from}"),
            Event::Output(text) => text,
        };
        let mut lines = self.0.lock().unwrap();
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
}

impl Told {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.contains(text))
    }
}

/// An image: configuration, plain layers, and how the layers go over the wire.
pub(crate) struct Sample {
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) packed: Vec<Vec<u8>>,
    pub(crate) manifest: Vec<u8>,
}

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Sample {
    /// One layer per size, each with one file of random bytes (they do not compress).
    pub(crate) fn new(name: &str, sizes: &[usize]) -> Self {
        let layer = |(at, size): (usize, &usize)| {
            let seed = Digester::sha256(format!("{name}-{at}").as_bytes());
            tar(&[(&format!("{name}-{at}"), &noise(&seed, *size))])
        };
        Self::of(name, sizes.iter().enumerate().map(layer).collect())
    }

    pub(crate) fn of(name: &str, layers: Vec<Vec<u8>>) -> Self {
        let diff_ids: Vec<Digest> = layers.iter().map(|tar| Digester::sha256(tar)).collect();
        let history: Vec<Value> = (0..layers.len())
            .map(|at| json!({"created_by": format!("step {at}")}))
            .collect();
        let config = json!({
            "created": "2024-01-02T03:04:05Z", "architecture": "amd64", "os": "linux",
            "config": {"Cmd": ["sh"], "Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
        });
        let config = serde_json::to_vec(&config).unwrap();
        let packed: Vec<Vec<u8>> = layers.iter().map(|tar| gzip(tar)).collect();
        let descriptor = |media: &str, bytes: &[u8]| json!({"mediaType": media, "digest": Digester::sha256(bytes), "size": bytes.len()});
        let gz = "application/vnd.oci.image.layer.v1.tar+gzip";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": packed.iter().map(|bytes| descriptor(gz, bytes)).collect::<Vec<_>>(),
        });
        let manifest = serde_json::to_vec(&manifest).unwrap();
        Self {
            config,
            layers,
            packed,
            manifest,
        }
    }

    pub(crate) fn id(&self) -> String {
        Digester::sha256(&self.config).to_string()
    }

    /// As `docker save` of before version 25 writes it.
    pub(crate) fn docker_archive(&self, tags: &[&str]) -> Vec<u8> {
        let names: Vec<String> = (0..self.layers.len())
            .map(|at| format!("l{at}/layer.tar"))
            .collect();
        let manifest = json!([{"Config": "config.json", "RepoTags": tags, "Layers": names}]);
        let manifest = serde_json::to_vec(&manifest).unwrap();
        let mut entries: Vec<(&str, &[u8])> = vec![("config.json", &self.config)];
        for (name, layer) in names.iter().zip(&self.layers) {
            entries.push((name, layer));
        }
        entries.push(("manifest.json", &manifest));
        tar(&entries)
    }

    /// An OCI layout; `packed` chooses compressed layers.
    pub(crate) fn layout(&self, annotations: Value) -> Vec<u8> {
        let index = json!({"schemaVersion": 2, "manifests": [{
            "mediaType": OCI_MANIFEST, "digest": Digester::sha256(&self.manifest),
            "size": self.manifest.len(), "annotations": annotations,
        }]});
        let index = serde_json::to_vec(&index).unwrap();
        let blob = |bytes: &[u8]| format!("blobs/sha256/{}", Digester::sha256(bytes).hex());
        let blobs: Vec<(String, &[u8])> = std::iter::once(&self.config)
            .chain([&self.manifest])
            .chain(&self.packed)
            .map(|bytes| (blob(bytes), &bytes[..]))
            .collect();
        let mut entries: Vec<(&str, &[u8])> = vec![
            ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#),
            ("index.json", &index),
        ];
        entries.extend(blobs.iter().map(|(name, bytes)| (&name[..], *bytes)));
        tar(&entries)
    }
}

pub(crate) fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that no compression makes smaller, the same for the same seed.
fn noise(seed: &Digest, size: usize) -> Vec<u8> {
    let mut state = u64::from_str_radix(&seed.hex()[..16], 16).unwrap() | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(next)
        .take(size.div_ceil(8))
        .flat_map(u64::to_le_bytes)
        .collect();
    bytes.truncate(size);
    bytes
}
