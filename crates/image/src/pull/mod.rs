//! Bringing an image from a registry.

mod fetch;
mod layer;
mod remote;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::try_join_all;
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId, Reference};
use gantry_registry_client::{Credentials, Document, Repository};

pub(crate) use layer::LayerJobs;
pub use remote::RemoteImage;

use crate::catalog::Origin;
use crate::images::Arrival;
use crate::manifest::{Descriptor, Manifest};
use crate::{Error, Event, Images, Platform, Progress, Step};
use layer::LayerJob;

/// What to pull.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// The image.
    pub reference: Reference,
    /// For which platform, if the user said so; else this machine's.
    pub platform: Option<Platform>,
    /// Who asks.
    pub credentials: Credentials,
    /// One of several: how it ended is told for all of them together.
    pub silent_end: bool,
}

/// What came of a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The image.
    pub image: ImageId,
    /// What the registry has under the name: a manifest's digest, or an index's.
    pub digest: Digest,
    /// Whether the name stood for another image before, or for none.
    pub newer: bool,
}

/// What the registry says that the image is.
struct Plan {
    /// The index, if there is one.
    index: Option<Document>,
    document: Document,
    manifest: Manifest,
    id: ImageId,
}

/// A configuration, its bytes, and the layers that it lists.
struct Described {
    bytes: Vec<u8>,
    config: ImageConfig,
    diff_ids: Vec<Digest>,
}

impl Plan {
    /// The digest that the name stands for.
    fn digest(&self) -> &Digest {
        &self.index.as_ref().unwrap_or(&self.document).digest
    }

    fn documents(&self) -> Vec<(Digest, &[u8])> {
        std::iter::once(&self.document)
            .chain(&self.index)
            .map(|document| (document.digest.clone(), &document.bytes[..]))
            .collect()
    }
}

impl Images {
    /// Brings an image from its registry, unless it is here already.
    ///
    /// Layers are downloaded side by side, each decoded and stored while it comes in. One that
    /// breaks is gone on with, now and by the next pull. A layer that somebody else is pulling at
    /// the same time is waited for, not fetched twice. Dropping the future gives the pull up.
    ///
    /// Must be called within a tokio runtime.
    pub async fn pull(
        &self,
        request: &PullRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<Pulled, Error> {
        let reference = &request.reference;
        let credentials = request.credentials.clone();
        let repository = Arc::new(self.0.registry.repository(reference, credentials));
        let plan = self.plan(&repository, request).await?;
        // Only now: until here the caller can answer with the error alone.
        let target = reference.target().to_string();
        let text = format!("Pulling from {}", reference.path());
        progress.report(Event::Status {
            id: Some(&target),
            text,
        });
        if !self.knows(&plan.id) {
            self.bring(&repository, &plan, request, &progress).await?;
        }
        self.note_pulled(reference, &plan).await;
        let pulled = self.name(plan, reference).await?;
        report_digest(&*progress, &pulled);
        if !request.silent_end {
            report_end(&*progress, &reference.familiar(), pulled.newer);
        }
        Ok(pulled)
    }

    /// Brings every tag of the reference's repository, one after the other; the first that fails
    /// is the last.
    pub async fn pull_all(
        &self,
        request: &PullRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<(), Error> {
        let credentials = request.credentials.clone();
        let reference = &request.reference;
        let tags = self
            .0
            .registry
            .repository(reference, credentials)
            .tags()
            .await?;
        let mut newer = false;
        for tag in tags {
            let one = PullRequest {
                reference: reference.with_tag(&tag)?,
                silent_end: true,
                ..request.clone()
            };
            newer |= self.pull(&one, Arc::clone(&progress)).await?.newer;
        }
        report_end(&*progress, &reference.familiar_repository(), newer);
        Ok(())
    }

    fn knows(&self, id: &ImageId) -> bool {
        self.0.catalog.read().images.contains_key(id)
    }

    /// Brings configuration and layers, and writes the image down without a name.
    async fn bring(
        &self,
        repository: &Arc<Repository>,
        plan: &Plan,
        request: &PullRequest,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), Error> {
        let name = request.reference.familiar();
        let described = self.describe(repository, plan, &name).await?;
        check_platform(&name, &described.config, request.platform.as_ref())?;
        let _lease = self.hold(described.diff_ids.iter().cloned());
        let layers = plan.manifest.layers.iter().zip(&described.diff_ids);
        self.bring_layers(repository, layers, progress).await?;

        let documents = plan
            .documents()
            .into_iter()
            .map(|(digest, bytes)| (digest, bytes.to_vec()))
            .collect();
        let id = plan.id.clone();
        self.blocking(move |images| install(images, id, described, documents))
            .await
    }

    async fn bring_layers(
        &self,
        repository: &Arc<Repository>,
        layers: impl Iterator<Item = (&Descriptor, &Digest)>,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let mut missing = Vec::new();
        for (layer, diff_id) in layers.filter(|(layer, _)| seen.insert(layer.digest.clone())) {
            let there = {
                let diff_id = diff_id.clone();
                self.blocking(move |images| Ok(images.0.snapshotter.layer(&diff_id)?))
                    .await?
            };
            let step = if there.is_some() {
                Step::AlreadyExists
            } else {
                Step::PullingFsLayer
            };
            progress.report(Event::Layer {
                id: layer.digest.short(),
                step,
            });
            if there.is_none() {
                missing.push((layer, diff_id));
            }
        }
        let jobs = missing.into_iter().map(|(layer, diff_id)| {
            let job = LayerJob {
                images: self.clone(),
                repository: Arc::clone(repository),
                digest: layer.digest.clone(),
                size: layer.size,
                diff_id: diff_id.clone(),
            };
            self.join_layer(job, Arc::clone(progress))
        });
        try_join_all(jobs).await.map(drop)
    }

    /// Remembers in which form the registry has the layers, for a later push.
    async fn note_pulled(&self, reference: &Reference, plan: &Plan) {
        let layers = {
            let contents = self.0.catalog.read();
            let record = contents.images.get(&plan.id);
            record
                .map(|record| record.layers.clone())
                .unwrap_or_default()
        };
        let forms = plan.manifest.layers.iter().map(|layer| Origin {
            digest: layer.digest.clone(),
            size: layer.size,
            media_type: layer.media_type.clone(),
            repositories: Vec::new(),
        });
        let forms: Vec<(Digest, Origin)> = layers.into_iter().zip(forms).collect();
        let reference = reference.clone();
        let noted = self.blocking(move |images| images.note_origins(&reference, forms));
        // Without it a push has more to do, and nothing else.
        if let Err(error) = noted.await {
            tracing::warn!(%error, "where the layers came from is not written down");
        }
    }

    async fn join_layer(&self, job: LayerJob, progress: Arc<dyn Progress>) -> Result<(), Error> {
        let digest = job.digest.clone();
        let report = |step| {
            if step == Step::PullingFsLayer {
                // Told already, for all layers before any of them.
                return;
            }
            progress.report(Event::Layer {
                id: digest.short(),
                step,
            });
        };
        let joined = self
            .0
            .layer_jobs
            .join(digest.clone(), Step::PullingFsLayer, |reporter| {
                job.run(reporter)
            });
        match joined.wait(report).await {
            Some(Ok(())) => {
                report(Step::PullComplete);
                Ok(())
            }
            Some(Err(error)) => Err(error.share()),
            None => Err(Error::Cancelled),
        }
    }

    /// Gives the image its names: the tag, and the digest that it had in the registry.
    async fn name(&self, plan: Plan, reference: &Reference) -> Result<Pulled, Error> {
        let digest = plan.digest().clone();
        let by_digest = reference.with_digest(digest.clone());
        let mut names = vec![by_digest];
        if reference.digest().is_none() {
            names.push(reference.clone());
        }
        let image = plan.id;
        let known = names.last().and_then(|name| {
            self.0
                .catalog
                .read()
                .names
                .get(name)
                .map(|name| name.image.clone())
        });
        let newer = known.as_ref() != Some(&image);
        let id = image.clone();
        self.blocking(move |images| images.give_names(&id, names))
            .await?;
        Ok(Pulled {
            image,
            digest,
            newer,
        })
    }

    /// Runs what blocks on the disk where it may.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let images = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&images)).await;
        done.unwrap_or(Err(Error::Cancelled))
    }
}

fn install(
    images: &Images,
    id: ImageId,
    described: Described,
    documents: Vec<(Digest, Vec<u8>)>,
) -> Result<(), Error> {
    images.install(Arrival {
        config: &described.bytes,
        id,
        parsed: &described.config,
        documents: documents
            .iter()
            .map(|(digest, bytes)| (digest.clone(), &bytes[..]))
            .collect(),
        layers: described.diff_ids,
        parent: None,
        step: false,
        names: Vec::new(),
    })
}

/// An index was searched for the platform already; a lone manifest is taken as it is, unless the
/// user asked for another.
fn check_platform(
    name: &str,
    config: &ImageConfig,
    wanted: Option<&Platform>,
) -> Result<(), Error> {
    let found = Platform {
        os: config.os.clone(),
        architecture: config.architecture.clone(),
        variant: config.variant.clone(),
    };
    match wanted {
        Some(wanted) if !wanted.accepts(&found) => Err(Error::WrongPlatform {
            name: name.to_owned(),
            wanted: wanted.to_string(),
            found: found.to_string(),
        }),
        _ => Ok(()),
    }
}

fn report_digest(progress: &dyn Progress, pulled: &Pulled) {
    progress.report(Event::Status {
        id: None,
        text: format!("Digest: {}", pulled.digest),
    });
}

fn report_end(progress: &dyn Progress, name: &str, newer: bool) {
    let text = if newer {
        format!("Status: Downloaded newer image for {name}")
    } else {
        format!("Status: Image is up to date for {name}")
    };
    progress.report(Event::Status { id: None, text });
}
