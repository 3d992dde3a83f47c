//! The mounts of a RUN: where their files come from, and taking them when the step really runs.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use gantry_dockerfile::{Mount, MountType, Sharing};
use gantry_reference::Digest;

use super::{Here, blocking, working_dir_of};
use crate::build::Work;
use crate::copy::{Job, Origin};
use crate::files::Fingerprint;
use crate::mounts::{BindSource, StepMounts, target};
use crate::stage::Stage;
use crate::{Builder, Error};

impl Work {
    /// Where the files of each mount come from.
    pub(super) async fn mount_sources(
        &self,
        here: &Here<'_>,
    ) -> Result<Vec<Option<BindSource>>, Error> {
        let mut sources = Vec::new();
        for (number, mount) in here.applied.mounts.iter().enumerate() {
            sources.push(match (mount.kind, &mount.from) {
                (MountType::Bind, None) => Some(BindSource::Context(self.context().await?)),
                (MountType::Bind | MountType::Cache, Some(from)) => {
                    Some(self.files_of(from, Some(number), here).await?)
                }
                _ => None,
            });
        }
        Ok(sources)
    }

    /// Takes all mounts of a step that is about to run.
    pub(super) async fn mount_all(
        &self,
        stage: &Stage,
        here: &Here<'_>,
        sources: Vec<Option<BindSource>>,
        mut mounts: StepMounts,
    ) -> Result<StepMounts, Error> {
        let mut caches = Vec::new();
        for (mount, source) in here.applied.mounts.iter().zip(sources) {
            let at = target(mount, &working_dir_of(stage))?;
            match (mount.kind, at, source) {
                (MountType::Bind, Some(at), Some(source)) => {
                    let (builder, mount) = (self.builder.clone(), mount.clone());
                    mounts = blocking(move || {
                        mounts.bind(&builder, &mount, at, &source)?;
                        Ok(mounts)
                    })
                    .await?;
                }
                (MountType::Cache, Some(at), source) => {
                    caches.push((
                        self.cache_id(mount, &at, source.as_ref()),
                        mount,
                        at,
                        source,
                    ));
                }
                (MountType::Tmpfs, Some(at), _) => mounts.tmpfs(mount, at),
                (MountType::Secret, at, _) => {
                    let asker = self.request.asker.as_ref();
                    mounts.secret(&self.builder, asker, mount, at).await?;
                }
                (MountType::Ssh, at, _) => {
                    let asker = self.request.asker.as_ref();
                    mounts.agent(&self.builder, asker, mount, at).await?;
                }
                (kind, ..) => {
                    let kind = kind.as_str();
                    return Err(Error::Invalid(format!(
                        "RUN --mount=type={kind} needs a target"
                    )));
                }
            }
        }
        // All steps take locked caches in one order, or two could wait for one another.
        caches.sort_by(|a, b| a.0.cmp(&b.0));
        for (id, mount, at, source) in caches {
            take_cache(&self.builder, &mut mounts, mount, (id, at), source).await?;
        }
        Ok(mounts)
    }

    /// A cache's name; one that begins with files is another one than that which begins empty.
    fn cache_id(&self, mount: &Mount, target: &str, source: Option<&BindSource>) -> String {
        let mut id = mount.id.clone().unwrap_or_else(|| target.to_owned());
        if let Some(space) = self.request.build_args.get("BUILDKIT_CACHE_MOUNT_NS") {
            id = format!("{space}/{id}");
        }
        if let Some(BindSource::Layers(layers)) = source {
            let mut print = Fingerprint::new("cache from");
            print.all(layers.iter().map(Digest::as_str));
            print.add(mount.source.as_deref().unwrap_or_default());
            id = format!("{id}\0{}", print.finish());
        }
        id
    }
}

/// Takes a cache by its name, for a place; a new one begins with the files of `source`.
pub(crate) async fn take_cache(
    builder: &Builder,
    mounts: &mut StepMounts,
    mount: &Mount,
    (id, at): (String, String),
    source: Option<BindSource>,
) -> Result<(), Error> {
    let again = mount.sharing != Some(Sharing::Private);
    if again && mounts.cache_again(mount, &at, &id) {
        return Ok(());
    }
    let (worker, path) = (builder.clone(), mount.source.clone());
    let seed = move |folder: &Path| match source {
        Some(source) => fill(&worker, source, path.unwrap_or_default(), folder),
        None => Ok(()),
    };
    let cache = builder.cache_mounts.take(&id, mount, seed).await?;
    mounts.cache(mount, at, id, cache);
    Ok(())
}

/// Copies what a cache begins with into its folder.
fn fill(builder: &Builder, source: BindSource, path: String, folder: &Path) -> Result<(), Error> {
    let origin = match source {
        BindSource::Context(context) => Origin::Context(context),
        BindSource::Layers(layers) => {
            let snapshots = builder.engine.images.store().snapshotter();
            Origin::Root(Arc::new(snapshots.view(&layers)?.root))
        }
    };
    let job = Job::of_all(origin, if path.is_empty() { "/" } else { &path });
    let root = std::fs::File::open(folder).map_err(Error::file("open", folder))?;
    job.write_into(root.as_fd())
}
