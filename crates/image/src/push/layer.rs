//! One layer on its way to a registry.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream;
use gantry_archive::{DigestReader, gzip};
use gantry_reference::{Algorithm, Digest, Reference};
use gantry_registry_client::{Content, Repository};
use tokio::time::sleep;

use super::Form;
use crate::manifest::media;
use crate::{Error, Event, Images, Progress, Step};

/// Progress is told at most this often.
const TICK: Duration = Duration::from_millis(100);
/// Bytes that are read from the disk at once.
const CHUNK: u64 = 512 * 1024;

/// A layer to be pushed.
pub(super) struct LayerPush<'a> {
    pub images: &'a Images,
    pub repository: &'a Repository,
    pub reference: &'a Reference,
    pub diff_id: &'a Digest,
    /// The form in which the image's manifest names it.
    pub pulled: Option<Form>,
    pub progress: &'a dyn Progress,
}

impl LayerPush<'_> {
    pub(super) fn report(&self, step: Step) {
        self.progress.report(Event::Layer {
            id: self.diff_id.short(),
            step,
        });
    }

    /// Sees to it that the registry has the layer, and says in which form.
    pub(super) async fn run(&self) -> Result<Form, Error> {
        let known = self.known_forms();
        for (form, _) in &known {
            if self.repository.has_blob(&form.digest).await? {
                self.report(Step::LayerExists);
                return Ok(form.clone());
            }
        }
        for (form, repositories) in &known {
            if let Some(form) = self.mount(form, repositories).await? {
                return Ok(form);
            }
        }
        let packed = self.compress().await?;
        let form = packed.form.clone();
        let told = known.iter().any(|(known, _)| known.digest == form.digest);
        if !told && self.repository.has_blob(&form.digest).await? {
            self.report(Step::LayerExists);
            return Ok(form);
        }
        self.upload(packed).await?;
        self.report(Step::Pushed);
        Ok(form)
    }

    /// Forms in which the layer may be there already, and where else it is: the image's own first,
    /// then the latest ones.
    fn known_forms(&self) -> Vec<(Form, Vec<String>)> {
        let mut known: Vec<(Form, Vec<String>)> = Vec::new();
        known.extend(self.pulled.clone().map(|form| (form, Vec::new())));
        for origin in self.images.origins(self.diff_id) {
            let repositories = origin.repositories.clone();
            let form = Form::from(origin);
            match known
                .iter_mut()
                .find(|(other, _)| other.digest == form.digest)
            {
                Some((_, places)) => places.extend(repositories),
                None => known.push((form, repositories)),
            }
        }
        known
    }

    /// Has the registry take the layer over from another of its repositories.
    async fn mount(&self, form: &Form, repositories: &[String]) -> Result<Option<Form>, Error> {
        let own = format!("{}/", self.reference.domain());
        for place in repositories {
            let Some(path) = place.strip_prefix(&own) else {
                continue;
            };
            if path != self.reference.path()
                && self.repository.mount_blob(&form.digest, path).await?
            {
                self.progress.report(Event::LayerMounted {
                    id: self.diff_id.short(),
                    from: path,
                });
                return Ok(Some(form.clone()));
            }
        }
        Ok(None)
    }

    /// Compresses the layer into a nameless file; its digest is known only then.
    async fn compress(&self) -> Result<Packed, Error> {
        let diff_id = self.diff_id.clone();
        self.images
            .blocking(move |images| {
                let tar = images.0.snapshotter.open_tar(&diff_id)?;
                let mut file = images.0.content.scratch()?;
                gzip(tar, io::BufWriter::with_capacity(1 << 20, &mut file))
                    .map_err(|error| packing(&diff_id, &error))?;
                Packed::of(file).map_err(|error| packing(&diff_id, &error))
            })
            .await
    }

    async fn upload(&self, packed: Packed) -> Result<(), Error> {
        let total = packed.form.size;
        let digest = packed.form.digest.clone();
        let position = Arc::clone(&packed.position);
        let upload = self.repository.upload_blob(&digest, &packed);
        tokio::pin!(upload);
        loop {
            tokio::select! {
                done = &mut upload => return Ok(done?),
                () = sleep(TICK) => {
                    let current = position.load(Ordering::Relaxed);
                    self.report(Step::Pushing { current, total });
                }
            }
        }
    }
}

fn packing(layer: &Digest, error: &io::Error) -> Error {
    Error::Packing {
        layer: layer.clone(),
        reason: match error.kind() {
            io::ErrorKind::StorageFull => {
                "no space left on the data root's disk; free some and push again".to_owned()
            }
            _ => error.to_string(),
        },
    }
}

/// A compressed layer in a nameless file.
struct Packed {
    file: Arc<File>,
    form: Form,
    /// How far it has been read, for the progress.
    position: Arc<AtomicU64>,
}

impl Packed {
    fn of(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut reader = DigestReader::new(Algorithm::Sha256, At { file: &file, at: 0 });
        io::copy(&mut reader, &mut io::sink())?;
        let (digest, _) = reader.finish();
        Ok(Self {
            file: Arc::new(file),
            form: Form {
                media_type: media::DOCKER_LAYER.to_owned(),
                digest,
                size,
            },
            position: Arc::default(),
        })
    }
}

/// Reads a file from its front, wherever its offset is.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl io::Read for At<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buf, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

type Chunks = Pin<Box<dyn Stream<Item = io::Result<bytes::Bytes>> + Send>>;

impl Content for Packed {
    fn size(&self) -> u64 {
        self.form.size
    }

    fn read(&self, offset: u64, length: u64) -> Chunks {
        let (file, position) = (Arc::clone(&self.file), Arc::clone(&self.position));
        let end = offset + length;
        Box::pin(stream::unfold(offset, move |at| {
            let (file, position) = (Arc::clone(&file), Arc::clone(&position));
            async move {
                if at >= end {
                    return None;
                }
                position.store(at, Ordering::Relaxed);
                let length = CHUNK.min(end - at);
                let read = tokio::task::spawn_blocking(move || {
                    let mut chunk = vec![0; length as usize];
                    file.read_exact_at(&mut chunk, at)?;
                    Ok::<_, io::Error>(bytes::Bytes::from(chunk))
                });
                let chunk = read
                    .await
                    .unwrap_or_else(|error| Err(io::Error::other(error)));
                Some((chunk, at + length))
            }
        }))
    }
}

/// A blob in memory.
pub(super) struct Bytes(pub bytes::Bytes);

impl Content for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, length: u64) -> Chunks {
        let part = self.0.slice(offset as usize..(offset + length) as usize);
        Box::pin(stream::iter([Ok(part)]))
    }
}
