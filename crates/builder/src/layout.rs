//! An image in an OCI layout that whoever asked for the build holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gantry_archive::Digester;
use gantry_image::{Image, Loaded, Platform};
use gantry_reference::{Algorithm, Digest};
use serde_json::{Value, json};
use tempfile::TempDir;
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
    let layout = Layout::open(builder, asker, layout)?;
    let (mut document, mut wanted) = (layout.document(digest).await?, digest.to_owned());
    if let Some(manifests) = document["manifests"].as_array() {
        let chosen = manifests.iter().find(|m| fits(m, &platform));
        let chosen = chosen.and_then(|m| m["digest"].as_str()).ok_or_else(|| {
            Error::Invalid(format!(
                "the OCI layout {} has no image for {platform}",
                layout.name
            ))
        })?;
        chosen.clone_into(&mut wanted);
        document = layout.document(&wanted).await?;
    }
    layout.image(&wanted, &document, Some(platform)).await
}

fn fits(manifest: &Value, platform: &Platform) -> bool {
    let of = &manifest["platform"];
    of["os"].as_str() == Some(&platform.os)
        && of["architecture"].as_str() == Some(&platform.architecture)
}

/// What is fetched of a layout.
pub(crate) struct Layout<'a> {
    builder: &'a Builder,
    asker: &'a Arc<dyn Asker>,
    /// What the other side calls it.
    name: &'a str,
    folder: Arc<TempDir>,
}

impl<'a> Layout<'a> {
    pub(crate) fn open(
        builder: &'a Builder,
        asker: &'a Arc<dyn Asker>,
        name: &'a str,
    ) -> Result<Self, Error> {
        let place = builder.folder();
        let folder = tempfile::Builder::new()
            .prefix("layout-")
            .tempdir_in(place)
            .map_err(Error::file("create a folder in", place))?;
        Ok(Self {
            builder,
            asker,
            name,
            folder: Arc::new(folder),
        })
    }

    /// A manifest, an index or a configuration.
    pub(crate) async fn document(&self, digest: &str) -> Result<Value, Error> {
        let path = self.fetch(digest).await?;
        if size(&path)? > DOCUMENT_MAX {
            return Err(Error::Invalid(format!("{digest} is larger than 8 MiB")));
        }
        let bytes = std::fs::read(&path).map_err(Error::file("read", &path))?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::Invalid(format!("{digest} of an OCI layout is no document: {e}")))
    }

    /// The image of a manifest, which was fetched, in the store.
    pub(crate) async fn image(
        &self,
        digest: &str,
        manifest: &Value,
        platform: Option<Platform>,
    ) -> Result<Image, Error> {
        let config = manifest["config"]["digest"].as_str().unwrap_or_default();
        let of = self.document(config).await?;
        let store = self.builder.engine.images.store().clone();
        let mut blobs = vec![digest.to_owned(), config.to_owned()];
        let layers = manifest["layers"].as_array().into_iter().flatten();
        for (place, layer) in layers.enumerate() {
            let blob = layer["digest"].as_str().unwrap_or_default();
            let diff_id = of["rootfs"]["diff_ids"][place].as_str().unwrap_or_default();
            let diff_id = Digest::parse(diff_id).ok();
            let here =
                diff_id.is_some_and(|id| matches!(store.snapshotter().layer(&id), Ok(Some(_))));
            if here {
                self.stand_in(blob)?;
            } else {
                self.fetch(blob).await?;
            }
            blobs.push(blob.to_owned());
        }
        let media_type = manifest["mediaType"]
            .as_str()
            .unwrap_or("application/vnd.oci.image.manifest.v1+json");
        let index = json!({"schemaVersion": 2, "manifests": [
            {"mediaType": media_type, "digest": digest, "size": size(&self.path(digest)?)?}]});
        let files = [
            ("index.json", index.to_string()),
            ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#.to_owned()),
        ];
        let mut paths = Vec::new();
        for (name, text) in files {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).map_err(Error::file("write", &path))?;
            paths.push((name.to_owned(), path));
        }
        for blob in blobs {
            let path = self.path(&blob)?;
            let name = path.strip_prefix(self.folder.path()).unwrap_or(&path);
            paths.push((name.display().to_string(), path));
        }
        let folder = Arc::clone(&self.folder);
        blocking(move || {
            let archive = archived(folder, paths)?;
            let loaded = store.load(archive, platform.as_ref(), &())?;
            match loaded.first().map(Loaded::image) {
                Some(id) => Ok(store.get(id)?),
                None => Err(Error::Invalid("the OCI layout is empty".to_owned())),
            }
        })
        .await
    }

    fn path(&self, digest: &str) -> Result<PathBuf, Error> {
        let parsed = Digest::parse(digest)
            .map_err(|_| Error::Invalid(format!("an OCI layout names the digest {digest:?}")))?;
        let folder = self.folder.path().join("blobs/sha256");
        std::fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        Ok(folder.join(parsed.hex()))
    }

    /// In place of a layer that the store has, which it does not read again.
    fn stand_in(&self, digest: &str) -> Result<(), Error> {
        let path = self.path(digest)?;
        if path.exists() {
            return Ok(());
        }
        std::fs::write(&path, "").map_err(Error::file("write", &path))
    }

    /// Fetches a blob and checks it, unless it was fetched before.
    async fn fetch(&self, digest: &str) -> Result<PathBuf, Error> {
        let path = self.path(digest)?;
        if path.exists() && size(&path)? > 0 {
            return Ok(path);
        }
        let failed = |e| Error::file("fetch", digest)(e);
        let half = path.with_extension("half");
        let mut from = self.asker.blob(self.name, digest).await?;
        let mut file = std::fs::File::create(&half).map_err(failed)?;
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
        std::fs::rename(&half, &path).map_err(failed)?;
        Ok(path)
    }
}

fn size(path: &Path) -> Result<u64, Error> {
    Ok(path.metadata().map_err(Error::file("look at", path))?.len())
}

/// These files as one archive, written while it is read; the folder stays until its end.
fn archived(
    folder: Arc<TempDir>,
    files: Vec<(String, PathBuf)>,
) -> Result<std::io::PipeReader, Error> {
    let (reader, writer) = std::io::pipe().map_err(Error::file("make", "a pipe"))?;
    std::thread::spawn(move || {
        let mut archive = tar::Builder::new(std::io::BufWriter::new(writer));
        for (name, path) in files {
            // A reader that ended early has said why.
            if archive.append_path_with_name(path, name).is_err() {
                break;
            }
        }
        let _ = archive.finish();
        drop(folder);
    });
    Ok(reader)
}
