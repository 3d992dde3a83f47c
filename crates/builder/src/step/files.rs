//! COPY, ADD and WORKDIR: layers without a container.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use gantry_dockerfile::{Add, Copy, Sources};
use gantry_reference::Digest;
use rustix::fs::FileType;

use super::{Here, Layer, blocking};
use crate::build::Work;
use crate::configure::{noted_working_dir, working_dir};
use crate::copy::{Job, Origin};
use crate::fetch::Wanted;
use crate::files::{Fingerprint, LayerWriter, Owner, resolve};
use crate::mounts::BindSource;
use crate::progress::Teller;
use crate::remote::{GitAddress, is_address};
use crate::stage::Stage;
use crate::{Context, Error, history};

impl Work {
    pub(super) async fn copy(
        &self,
        stage: &mut Stage,
        copy: &Copy,
        here: &Here<'_>,
    ) -> Result<(), Error> {
        let origin = match &copy.from {
            None => self.context_origin(&copy.sources.paths).await?,
            Some(from) => Some(match self.files_of(from, None, here).await? {
                BindSource::Context(context) => Origin::Context(context),
                BindSource::Layers(layers) => Origin::Root(Arc::new(self.view(&layers)?)),
            }),
        };
        let job = Job {
            origin,
            paths: copy.sources.paths.clone(),
            fetched: Vec::new(),
            inline: copy.sources.inline.clone(),
            destination: destination(stage, &copy.sources),
            chown: self.owner(stage, copy.chown.as_deref())?,
            chmod: copy.chmod.clone(),
            exclude: copy.exclude.clone(),
            parents: copy.parents,
            unpack: (false, false),
            below: self.below(stage, copy.link)?,
        };
        self.files(stage, job, here).await
    }

    pub(super) async fn add(
        &self,
        stage: &mut Stage,
        add: &Add,
        here: &Here<'_>,
    ) -> Result<(), Error> {
        let (urls, paths): (Vec<String>, Vec<String>) = add
            .sources
            .paths
            .iter()
            .cloned()
            .partition(|path| is_remote(path));
        if add.checksum.is_some() && urls.len() != 1 {
            let why = match urls.len() {
                0 => "checksum requires HTTP(S) or Git sources",
                _ => "checksum can't be specified for multiple sources",
            };
            return Err(Error::Invalid(why.to_owned()));
        }
        let mut fetched = Vec::new();
        for url in &urls {
            let wanted = Wanted {
                checksum: add.checksum.as_deref(),
                keep_git: add.keep_git_dir,
            };
            fetched.push(self.fetch(url, &wanted).await?);
        }
        let mut destination = destination(stage, &add.sources);
        if add.unpack == Some(true) && !destination.ends_with('/') {
            destination.push('/');
        }
        let job = Job {
            origin: self.context_origin(&paths).await?,
            paths,
            fetched,
            inline: add.sources.inline.clone(),
            destination,
            chown: self.owner(stage, add.chown.as_deref())?,
            chmod: add.chmod.clone(),
            exclude: add.exclude.clone(),
            parents: false,
            unpack: (add.unpack.unwrap_or(true), add.unpack.unwrap_or(false)),
            below: self.below(stage, add.link)?,
        };
        self.files(stage, job, here).await
    }

    /// The context, where paths are taken from it.
    async fn context_origin(&self, paths: &[String]) -> Result<Option<Origin>, Error> {
        if paths.is_empty() {
            return Ok(None);
        }
        Ok(Some(Origin::Context(self.context().await?)))
    }

    /// Makes the layer of a COPY or ADD, or takes the one that is there.
    async fn files(&self, stage: &mut Stage, job: Job, here: &Here<'_>) -> Result<(), Error> {
        let described = history::of(here.instruction, here.applied, &[]);
        let anew = self.is_made_anew(here.index);
        let layer = self.made(stage, job, anew).await?;
        self.put(stage, layer, described, here.teller)
    }

    async fn made(&self, stage: &Stage, job: Job, anew: bool) -> Result<Layer, Error> {
        let builder = self.builder.clone();
        let new = stage.nameless();
        let layer = blocking(move || {
            let asked = job.asked();
            let kept = |key: Digest| {
                let hit = builder.look_up(&key).filter(|_| !anew)?;
                Some(Layer::Kept { key, hit })
            };
            let known = builder.known_keys.get(asked.as_ref());
            if let Some(layer) = known.and_then(kept) {
                return Ok(layer);
            }
            let plan = job.plan()?;
            let key = plan.key()?;
            builder.known_keys.learn(asked, &key);
            if let Some(layer) = kept(key.clone()) {
                return Ok(layer);
            }
            let store = builder.engine.images.store();
            let image = store.make_written(new, |out| plan.write(out))?;
            Ok(Layer::New { key, image })
        });
        layer.await
    }

    /// A stage of files that the build gives: one layer of all of them.
    pub(crate) async fn of_files(&self, context: Arc<Context>) -> Result<Stage, Error> {
        let mut stage = self.scratch();
        let job = Job::of_all(Origin::Context(Arc::clone(&context)), "/");
        let layer = self.made(&stage, job, false).await?;
        let teller = Teller::silent(&self.report);
        self.put(&mut stage, layer, "COPY / /".to_owned(), &teller)?;
        stage.config.history.clear();
        stage.files = Some(context);
        Ok(stage)
    }

    /// WORKDIR makes the directory where it is missing; where it is there, the layer is empty.
    pub(super) async fn workdir(
        &self,
        stage: &mut Stage,
        path: &str,
        here: &Here<'_>,
    ) -> Result<(), Error> {
        let noted = noted_working_dir(&stage.config.config, path);
        let path = working_dir(&stage.config.config, path);
        let described = format!("WORKDIR {noted}");
        stage.config.config.working_dir = noted;
        if path == "/" {
            stage.note(described);
            return Ok(());
        }
        let root = self.view(&stage.layers)?;
        let place = resolve(Some(root.as_fd()), path.as_bytes())?;
        if place.at.is_some_and(|at| at != FileType::Directory) {
            return Err(Error::Invalid(format!("mkdir {path}: not a directory")));
        }
        let user = stage.config.config.user.clone();
        let owner = Owner::parse(&user, root.as_fd())?;
        let mut key = Fingerprint::new("workdir 2");
        key.all(stage.layers.iter().map(Digest::as_str))
            .add(&path)
            .add(format!("{owner:?}"));
        let key = key.finish();
        if let Some(kept) = self.kept(&key, here) {
            return self.put(stage, kept, described, here.teller);
        }
        let (store, new) = (self.builder.engine.images.store().clone(), stage.nameless());
        let image = blocking(move || {
            store.make_written(new, |out| {
                let mut layer = LayerWriter::new(out);
                for (path, stat) in &place.there {
                    layer.known(path, stat)?;
                }
                for path in place.missing(true) {
                    layer.directory(&path, 0o755, owner, 0)?;
                }
                layer.finish().map(drop)
            })
        })
        .await?;
        self.put(stage, Layer::New { key, image }, described, here.teller)
    }

    /// `--chown`, by the names of the layers below.
    fn owner(&self, stage: &Stage, chown: Option<&str>) -> Result<Option<Owner>, Error> {
        let Some(text) = chown.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        Owner::parse(text, self.view(&stage.layers)?.as_fd()).map(Some)
    }

    fn below(&self, stage: &Stage, link: bool) -> Result<Option<(Vec<Digest>, OwnedFd)>, Error> {
        if link {
            return Ok(None);
        }
        Ok(Some((stage.layers.clone(), self.view(&stage.layers)?)))
    }
}

/// The absolute destination; it keeps the slash at its end, and `.` means a directory, too.
fn destination(stage: &Stage, sources: &Sources) -> String {
    let written = &sources.destination;
    let directory = written.ends_with('/') || written == "." || written.ends_with("/.");
    let mut whole = working_dir(&stage.config.config, written);
    if directory && !whole.ends_with('/') {
        whole.push('/');
    }
    whole
}

pub(super) fn is_remote(path: &str) -> bool {
    is_address(path) || GitAddress::parse(path).is_some()
}
