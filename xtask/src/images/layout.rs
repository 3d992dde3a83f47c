//! An OCI image layout folder out of layer tars.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::recipe::Recipe;

/// Writes `oci-layout`, `index.json` and the blobs to `folder`.
pub(crate) fn write(recipe: &Recipe, layers: &[PathBuf], folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let (mut descriptors, mut diff_ids, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for (n, tar) in layers.iter().enumerate() {
        let (descriptor, diff_id) = compress(tar, &blobs)?;
        descriptors.push(descriptor);
        diff_ids.push(diff_id);
        let what = if n == 0 { "base" } else { recipe.name };
        history.push(
            json!({"created": CREATED, "created_by": format!("cargo xtask images # {what}")}),
        );
    }
    let config: Value = serde_json::from_str(recipe.config)
        .with_context(|| format!("the configuration of {} is not JSON", recipe.name))?;
    let config = json!({
        "created": CREATED, "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
    });
    let config = store(&blobs, &serde_json::to_vec(&config)?, CONFIG)?;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors,
    });
    let mut manifest = store(&blobs, &serde_json::to_vec(&manifest)?, MANIFEST)?;
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(folder.join("index.json"), serde_json::to_vec(&index)?)?;
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion": "1.0.0"}"#,
    )?;
    Ok(folder.to_owned())
}

/// One date for all: the same packages give the same image.
const CREATED: &str = "2026-01-01T00:00:00Z";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn store(blobs: &Path, bytes: &[u8], media_type: &str) -> Result<Value> {
    let digest = hex(&Sha256::digest(bytes));
    fs::write(blobs.join(&digest), bytes)?;
    Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()}))
}

/// Compresses a layer into the blobs; returns its descriptor and its diff ID.
fn compress(tar: &Path, blobs: &Path) -> Result<(Value, String)> {
    let half = blobs.join("half");
    let mut input = File::open(tar).with_context(|| format!("cannot open {}", tar.display()))?;
    let out = Hashing {
        inner: io::BufWriter::new(File::create(&half)?),
        hash: Sha256::new(),
        size: 0,
    };
    let mut gzip = flate2::write::GzEncoder::new(out, flate2::Compression::new(6));
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let n = input.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        gzip.write_all(&buffer[..n])?;
    }
    let mut out = gzip.finish()?;
    out.inner.flush()?;
    let digest = hex(&out.hash.finalize());
    fs::rename(half, blobs.join(&digest))?;
    let descriptor =
        json!({"mediaType": LAYER, "digest": format!("sha256:{digest}"), "size": out.size});
    Ok((descriptor, format!("sha256:{}", hex(&hash.finalize()))))
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}
