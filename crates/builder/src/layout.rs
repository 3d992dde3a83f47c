//! An image in an OCI layout that whoever asked for the build holds.

use std::path::Path;
use std::sync::Arc;

use gantry_archive::Digester;
use gantry_image::{Image, Loaded, Platform};
use gantry_reference::{Algorithm, Digest};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::step::blocking;
use crate::{Asker, Builder, Error};

/// A manifest, an index or a configuration larger than this is refused.
const DOCUMENT_MAX: u64 = 8 << 20;

/// Brings the image that a manifest or an index describes into the store.
pub(crate) async fn bring(
    builder: &Builder,
    asker: &Arc<dyn Asker>,
    layout: &str,
    digest: &str,
    platform: Option<&str>,
) -> Result<Image, Error> {
    let platform = platform
        .map(str::parse::<Platform>)
        .transpose()?
        .unwrap_or_else(Platform::host);
    let place = builder.folder();
    let folder = tempfile::Builder::new()
        .prefix("layout-")
        .tempdir_in(place)
        .map_err(Error::file("create a folder in", place))?;
    let blobs = Blobs {
        asker,
        layout,
        folder: folder.path(),
    };
    let (mut document, mut wanted) = (blobs.document(digest).await?, digest.to_owned());
    if let Some(manifests) = document["manifests"].as_array() {
        let chosen = manifests.iter().find(|m| fits(m, &platform));
        let chosen = chosen.and_then(|m| m["digest"].as_str()).ok_or_else(|| {
            Error::Invalid(format!(
                "the OCI layout {layout} has no image for {platform}"
            ))
        })?;
        chosen.clone_into(&mut wanted);
        document = blobs.document(&wanted).await?;
    }
    let layers = document["layers"].as_array().into_iter().flatten();
    let config = [&document["config"]];
    for part in config.into_iter().chain(layers) {
        let digest = part["digest"].as_str().unwrap_or_default();
        blobs.fetch(digest).await?;
    }
    let size = blobs.size(&wanted)?;
    let media_type = document["mediaType"]
        .as_str()
        .unwrap_or("application/vnd.oci.image.manifest.v1+json");
    let index = json!({"schemaVersion": 2, "manifests": [
        {"mediaType": media_type, "digest": wanted, "size": size}]});
    write(&folder.path().join("index.json"), index.to_string())?;
    write(
        &folder.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    let store = builder.engine.images.store().clone();
    blocking(move || {
        let archive = archived(folder)?;
        let loaded = store.load(archive, Some(&platform), &())?;
        match loaded.first().map(Loaded::image) {
            Some(id) => Ok(store.get(id)?),
            None => Err(Error::Invalid("the OCI layout is empty".to_owned())),
        }
    })
    .await
}

fn fits(manifest: &Value, platform: &Platform) -> bool {
    let of = &manifest["platform"];
    of["os"].as_str() == Some(&platform.os)
        && of["architecture"].as_str() == Some(&platform.architecture)
}

struct Blobs<'a> {
    asker: &'a Arc<dyn Asker>,
    layout: &'a str,
    folder: &'a Path,
}

impl Blobs<'_> {
    async fn document(&self, digest: &str) -> Result<Value, Error> {
        let path = self.fetch(digest).await?;
        let size = self.size(digest)?;
        if size > DOCUMENT_MAX {
            return Err(Error::Invalid(format!("{digest} is larger than 8 MiB")));
        }
        let bytes = std::fs::read(&path).map_err(Error::file("read", &path))?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::Invalid(format!("{digest} of an OCI layout is no document: {e}")))
    }

    fn path(&self, digest: &str) -> Result<std::path::PathBuf, Error> {
        let parsed = Digest::parse(digest)
            .map_err(|_| Error::Invalid(format!("an OCI layout names the digest {digest:?}")))?;
        Ok(self.folder.join("blobs/sha256").join(parsed.hex()))
    }

    fn size(&self, digest: &str) -> Result<u64, Error> {
        let path = self.path(digest)?;
        Ok(path
            .metadata()
            .map_err(Error::file("look at", &path))?
            .len())
    }

    /// Fetches a blob and checks it.
    async fn fetch(&self, digest: &str) -> Result<std::path::PathBuf, Error> {
        let path = self.path(digest)?;
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(Error::file("create", above))?;
        }
        let failed = |e| Error::file("fetch", digest)(e);
        let mut from = self.asker.blob(self.layout, digest).await?;
        let mut file = std::fs::File::create(&path).map_err(failed)?;
        let mut digester = Digester::new(Algorithm::Sha256);
        let mut buffer = vec![0; 128 << 10];
        loop {
            let read = from.read(&mut buffer).await.map_err(failed)?;
            if read == 0 {
                break;
            }
            digester.update(&buffer[..read]);
            std::io::Write::write_all(&mut file, &buffer[..read]).map_err(failed)?;
        }
        let found = digester.finish();
        if found.as_str() != digest {
            return Err(Error::Invalid(format!(
                "a blob of an OCI layout is {found}, not {digest}"
            )));
        }
        Ok(path)
    }
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<(), Error> {
    std::fs::write(path, text).map_err(Error::file("write", path))
}

/// The folder as one archive, written while it is read; the folder goes with its end.
fn archived(folder: tempfile::TempDir) -> Result<std::io::PipeReader, Error> {
    let (reader, writer) = std::io::pipe().map_err(Error::file("make", "a pipe"))?;
    std::thread::spawn(move || {
        let mut archive = tar::Builder::new(std::io::BufWriter::new(writer));
        // A reader that ended early has said why.
        let _ = archive.append_dir_all(".", folder.path());
        let _ = archive.finish();
    });
    Ok(reader)
}
