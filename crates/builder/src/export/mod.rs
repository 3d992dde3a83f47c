//! What becomes of a result: images in the store and at registries, archives, trees of files.

mod assemble;
mod blobs;
mod document;
mod epoch;
mod layout;
mod provenance;
mod push;
mod sbom;
mod store;
mod tree;

use std::collections::BTreeMap;
use std::sync::Arc;

use gantry_reference::{ImageId, Reference};

use crate::build::Work;
use crate::progress::Teller;
use crate::stage::Stage;
use crate::{Asker, Built, Error, Report, Request};

pub(crate) use blobs::Blobs;
pub use blobs::Compression;
pub(crate) use document::{Descriptor, Document, index, manifest, media};
pub use provenance::PREDICATE as PROVENANCE;
pub(crate) use provenance::package;

/// One export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// What the side that asked calls it.
    pub id: String,
    /// What is made.
    pub kind: ExportKind,
    /// Names for the image.
    pub names: Vec<String>,
    /// Whether the image is pushed to the registries of its names.
    pub push: bool,
    /// Whether it is pushed by its digest alone, so that no tag leads to it.
    pub by_digest: bool,
    /// Whether the times of all files of new layers become no later than the source date.
    pub rewrite_timestamp: bool,
    /// Annotations; a key may have a prefix that says where it goes, as `manifest[linux/amd64]:key`.
    pub annotations: BTreeMap<String, String>,
    /// How the layers of archives are packed.
    pub compression: Compression,
}

/// What an export makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExportKind {
    /// An image in the store.
    #[default]
    Image,
    /// An OCI layout: an archive, or with `tar` false the files themselves.
    Oci {
        /// As one archive.
        tar: bool,
    },
    /// An archive as `docker save` writes it.
    Docker {
        /// As one archive.
        tar: bool,
    },
    /// An archive of the result's files.
    Tar,
    /// The result's files.
    Local,
}

/// What was built for one platform.
pub(crate) struct Outcome {
    /// How.
    pub work: Arc<Work>,
    /// What.
    pub stage: Arc<Stage>,
}

/// All that an export may need to know.
struct Results<'a> {
    request: &'a Request,
    outcomes: &'a [Outcome],
    epoch: Option<i64>,
    /// When the build began: RFC 3339.
    started: String,
}

/// Makes everything that the request asks for of the result.
pub(crate) async fn deliver(
    request: &Request,
    outcomes: &[Outcome],
    started: String,
) -> Result<Built, Error> {
    let results = Results {
        request,
        outcomes,
        epoch: request.epoch()?,
        started,
    };
    let in_store = [Export {
        names: request.tags.clone(),
        ..Export::default()
    }];
    let exports = match request.exports.as_slice() {
        [] => &in_store[..],
        asked => asked,
    };
    let mut built = Built::default();
    for outcome in outcomes {
        let predicate = provenance::predicate(&results, outcome, &BTreeMap::new());
        let text = predicate.to_string().into_bytes();
        built.provenance.insert(outcome.work.platform_name(), text);
    }
    for (number, export) in exports.iter().enumerate() {
        let teller = results.begin(number);
        let done = results.put_down(export, &mut built, &teller).await;
        teller.end(done)?;
    }
    Ok(built)
}

/// What the steps in which a result is put down are called, BuildKit's words.
pub(crate) fn step_names(request: &Request) -> Vec<&'static str> {
    let name = |export: &Export| match export.kind {
        ExportKind::Image => "exporting to image",
        ExportKind::Oci { .. } => "exporting to oci image format",
        ExportKind::Docker { .. } => "exporting to docker image format",
        ExportKind::Tar => "exporting to client tarball",
        ExportKind::Local => "exporting to client directory",
    };
    match request.exports.as_slice() {
        [] => vec![name(&Export::default())],
        asked => asked.iter().map(name).collect(),
    }
}

impl Results<'_> {
    /// Begins the step of an export.
    fn begin(&self, number: usize) -> Teller {
        let nobody: Report = Arc::new(|_| ());
        let step = self.outcomes.first().and_then(|first| {
            let step = first.work.steps.output(number)?;
            Some(Teller::begin(&first.work.report, step))
        });
        step.unwrap_or_else(|| Teller::silent(&nobody))
    }

    async fn put_down(
        &self,
        export: &Export,
        built: &mut Built,
        teller: &Teller,
    ) -> Result<(), Error> {
        match export.kind {
            ExportKind::Image => self.image(export, built, teller).await,
            ExportKind::Oci { tar } | ExportKind::Docker { tar } => {
                self.layout(export, tar, built, teller).await
            }
            ExportKind::Tar => self.archive(export).await,
            ExportKind::Local => self.folder(export).await,
        }
    }

    fn asker(&self) -> Result<&Arc<dyn Asker>, Error> {
        self.request.asker.as_ref().ok_or_else(|| {
            Error::Invalid("there is nobody to give this build's output to".to_owned())
        })
    }

    /// Puts the images of all platforms into the store, without names.
    async fn install(&self, export: &Export) -> Result<Vec<(String, ImageId)>, Error> {
        let mut installed = Vec::new();
        for Outcome { work, stage } in self.outcomes {
            let (own, stage) = (Arc::clone(work), Arc::clone(stage));
            let epoch = self.epoch;
            let rewrite = export.rewrite_timestamp;
            let image = crate::step::blocking(move || {
                let (mut config, mut layers) = own.result(&stage);
                if let Some(epoch) = epoch {
                    epoch::set(&mut config, epoch)?;
                    if rewrite {
                        let store = own.builder.engine.images.store();
                        layers = epoch::rewrite(store, &layers, stage.kept, epoch)?;
                    }
                }
                own.install(layers, config)
            });
            installed.push((work.platform_name(), image.await?));
        }
        Ok(installed)
    }
}

/// Names, as references with a tag.
fn named(names: &[String]) -> Result<Vec<Reference>, Error> {
    let mut references = Vec::new();
    for name in names.iter().filter(|name| !name.is_empty()) {
        let mut name = Reference::parse(name).map_err(gantry_image::Error::from)?;
        if name.tag().is_none() {
            let latest = name.with_tag(gantry_reference::DEFAULT_TAG);
            name = latest.map_err(gantry_image::Error::from)?;
        }
        references.push(name);
    }
    Ok(references)
}

impl Export {
    /// Whether it only gives names to the image in the store.
    pub fn is_plain(&self) -> bool {
        self.kind == ExportKind::Image
            && !self.push
            && !self.by_digest
            && !self.rewrite_timestamp
            && self.compression == Compression::Gzip
            && self.annotations.is_empty()
    }
}
