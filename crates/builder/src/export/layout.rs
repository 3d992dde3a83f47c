//! Images as OCI layouts and as archives that `docker load` reads.

use gantry_reference::Reference;
use serde_json::json;
use tokio_util::io::SyncIoBridge;

use super::assemble::Packed;
use super::blobs::{Blobs, write_archive};
use super::document::{Descriptor, index};
use super::{Export, ExportKind, Results, named};
use crate::progress::Teller;
use crate::{Built, Error, Told};

/// What the other side calls the layout that an export writes.
const STORE: &str = "export";

impl Results<'_> {
    pub(super) async fn layout(
        &self,
        export: &Export,
        tar: bool,
        built: &mut Built,
        teller: &Teller,
    ) -> Result<(), Error> {
        let docker = matches!(export.kind, ExportKind::Docker { .. });
        if docker && self.outcomes.len() > 1 {
            return Err(Error::NotSupported(
                "several platforms in an archive for docker load (use type=oci)".to_owned(),
            ));
        }
        let names = named(&export.names)?;
        let images = self.install(export).await?;
        let Some(first) = self.outcomes.first() else {
            return Ok(());
        };
        let store = first.work.builder.engine.images.store();
        let place = first.work.builder.folder();
        let out = if tar {
            Some(self.asker()?.archive(&export.id).await?)
        } else {
            None
        };
        // On this thread, with the build's own data; others go on meanwhile.
        let written = tokio::task::block_in_place(|| {
            let mut blobs = Blobs::new(store, place);
            let mut packed = Vec::new();
            for (platform, id) in &images {
                let image = store.get(id)?;
                let mut layers = Vec::new();
                for layer in &image.layers {
                    layers.push(blobs.layer(layer, export.compression)?);
                }
                blobs.bytes(super::document::media::CONFIG, image.raw_config.to_vec());
                packed.push(Packed {
                    platform: platform.clone(),
                    image,
                    layers,
                });
            }
            let assembled = self.assemble(export, &packed, &names)?;
            for document in &assembled.parts {
                blobs.document(document);
            }
            let top = blobs.document(&assembled.top);
            let mut files = vec![
                ("index.json", entries(&top, &names)),
                ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ];
            if docker {
                files.push(("manifest.json", items(&packed, &names)));
            }
            if let Some(out) = out {
                let mut bridge = SyncIoBridge::new(out);
                write_archive(&blobs, &files, &mut bridge)?;
                let ended = bridge.shutdown();
                ended.map_err(Error::file("end", "the archive"))?;
            }
            Ok::<_, Error>((top, blobs))
        });
        let (top, blobs) = written?;
        for part in [
            "exporting layers".to_owned(),
            format!("exporting manifest {}", top.digest),
        ] {
            teller.tell(Told::Part {
                name: part,
                current: 0,
                total: 0,
                finished: true,
            });
        }
        if !tar {
            // The other side writes the index, by what it is told below.
            blobs.send(self.asker()?, STORE).await?;
        }
        if let Some((_, image)) = images.first() {
            tell(built, &top, image.as_str(), &names);
        }
        Ok(())
    }
}

/// What an export says that it made.
pub(super) fn tell(built: &mut Built, top: &Descriptor, config: &str, names: &[Reference]) {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(top.json().to_string());
    let all: Vec<String> = names.iter().map(ToString::to_string).collect();
    for (key, value) in [
        ("containerimage.digest", top.digest.to_string()),
        ("containerimage.config.digest", config.to_owned()),
        ("containerimage.descriptor", encoded),
        ("image.name", all.join(",")),
    ] {
        if !value.is_empty() {
            built.told.insert(key.to_owned(), value);
        }
    }
}

/// `index.json`: an entry for each name.
fn entries(top: &Descriptor, names: &[Reference]) -> Vec<u8> {
    let mut entries = Vec::new();
    for name in names {
        let mut entry = top.clone();
        let tag = name.tag().unwrap_or_default().to_owned();
        entry.annotations.extend([
            ("io.containerd.image.name".to_owned(), name.to_string()),
            ("org.opencontainers.image.ref.name".to_owned(), tag),
        ]);
        entries.push(entry);
    }
    if entries.is_empty() {
        entries.push(top.clone());
    }
    index(&entries, &std::collections::BTreeMap::new()).bytes
}

/// `manifest.json`, which `docker load` reads.
fn items(packed: &[Packed], names: &[Reference]) -> Vec<u8> {
    let blob = |digest: &gantry_reference::Digest| format!("blobs/sha256/{}", digest.hex());
    let items: Vec<_> = packed
        .iter()
        .map(|one| {
            let layers: Vec<String> = one.layers.iter().map(|l| blob(&l.digest)).collect();
            let tags: Vec<String> = names.iter().map(Reference::familiar).collect();
            json!({
                "Config": blob(one.image.id.digest()),
                "RepoTags": if tags.is_empty() { None } else { Some(tags) },
                "Layers": layers,
            })
        })
        .collect();
    serde_json::Value::Array(items).to_string().into_bytes()
}
