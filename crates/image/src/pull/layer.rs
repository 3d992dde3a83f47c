//! One layer on its way from the registry into the snapshotter.
//!
//! ```text
//! network ─▶ writer thread: file + digest ─▶ decoder thread (follows the file) ─▶ storing thread
//! ```
//!
//! The compressed bytes go through a file, so that a break costs nothing that has arrived: the next
//! attempt, of this pull or of a later one, goes on at its end. The storing thread sees the end of
//! the stream only once the compressed digest is verified, and verifies the diff ID itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gantry_archive::{decode, read_ahead};
use gantry_content::{Follow, Ingest, OnceMap, Reporter, Verified};
use gantry_reference::Digest;
use gantry_registry_client::Repository;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::{Error, Images, Step};

/// Layers that are being brought in, by compressed digest.
pub(crate) type LayerJobs = OnceMap<Digest, Step, Result<(), Arc<Error>>>;

type Report = Reporter<Step, Result<(), Arc<Error>>>;

/// The pause after the first attempt that brought nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Progress is told at most this often.
const TICK: Duration = Duration::from_millis(100);
/// Chunks between network and writer.
const CHUNKS: usize = 64;

/// Pauses between so many attempts that bring nothing; then the pull fails.
fn pauses(attempts: usize) -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(FIRST_PAUSE), |pause| {
        Some((*pause * 5 / 2).min(LONGEST_PAUSE))
    })
    .take(attempts.saturating_sub(1))
}

/// A layer to be brought in.
pub(crate) struct LayerJob {
    pub images: Images,
    pub repository: Arc<Repository>,
    /// Of the compressed bytes.
    pub digest: Digest,
    /// Of the compressed bytes.
    pub size: u64,
    /// Of the tar.
    pub diff_id: Digest,
}

impl LayerJob {
    /// Brings the layer in.
    pub(crate) async fn run(self, report: Report) -> Result<(), Arc<Error>> {
        let result = match self.attempt(&report).await {
            // Bytes that an earlier attempt left may have been damaged by a crash.
            Err(Attempt {
                error,
                resumed: true,
            }) if is_mismatch(&error) => {
                tracing::warn!(layer = %self.digest, "what was kept of an earlier pull is damaged");
                self.attempt(&report).await
            }
            other => other,
        };
        result.map_err(|attempt| Arc::new(attempt.error))
    }

    async fn attempt(&self, report: &Report) -> Result<(), Attempt> {
        let downloads = &self.images.0.downloads;
        if downloads.available_permits() == 0 {
            report.report(Step::Waiting);
        }
        let permit = downloads.acquire().await;
        let ingest = self.open().await?;
        let resumed = ingest.resumed() > 0;
        let failed = |error| Attempt { error, resumed };
        let follow = ingest.follow().map_err(|error| failed(error.into()))?;
        let position = follow.position();
        let mut storing = Storing::start(&self.images, &self.diff_id, follow);

        let verified = tokio::select! {
            // In this order: if the download fails, the storing does, too, for no reason of its own.
            biased;
            verified = self.download(ingest, report) => verified.map_err(failed)?,
            // Stored by somebody else meanwhile, or it cannot be stored: the rest is not needed.
            stored = storing.end() => return stored.map_err(failed),
        };
        drop(permit);
        report.report(Step::DownloadComplete);
        self.watch(&mut storing, &position, report)
            .await
            .map_err(failed)?;
        // The layer is in the snapshotter now; the compressed bytes have done their work.
        verified.discard().map_err(|error| failed(error.into()))
    }

    /// Opens the ingest file, waiting for a predecessor that was given up to let go of it.
    async fn open(&self) -> Result<Ingest, Attempt> {
        loop {
            let digest = self.digest.clone();
            let ingest = self
                .images
                .blocking(move |images| Ok(images.0.content.ingest(&digest)?))
                .await
                .map_err(|error| Attempt {
                    error,
                    resumed: false,
                })?;
            match ingest {
                Some(ingest) if ingest.written() > self.size => drop(ingest.discard()),
                Some(ingest) => return Ok(ingest),
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Downloads what is missing and verifies the whole.
    async fn download(&self, ingest: Ingest, report: &Report) -> Result<Verified, Error> {
        let mut arrived = ingest.written();
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let writer = tokio::task::spawn_blocking(move || write(ingest, receiver));
        let attempts = self.images.0.attempts.load(Ordering::Relaxed);
        let mut failures = pauses(attempts);
        while arrived < self.size {
            let before = arrived;
            let Err(error) = self.transfer(&sender, &mut arrived, report).await else {
                continue;
            };
            if sender.is_closed() {
                // The writer failed; it knows why.
                break;
            }
            if arrived > before {
                failures = pauses(attempts);
            }
            let pause = failures
                .next()
                .filter(|_| is_passing(&error))
                .ok_or(error)?;
            report.report(Step::Retrying {
                seconds: pause.as_secs().max(1),
            });
            sleep(pause).await;
        }
        drop(sender);
        report.report(Step::VerifyingChecksum);
        let ingest = writer.await.unwrap_or(Err(Error::Cancelled))?;
        Ok(ingest.verify()?)
    }

    /// One request: from where we are to the end, or to where it breaks.
    async fn transfer(
        &self,
        sender: &mpsc::Sender<Bytes>,
        arrived: &mut u64,
        report: &Report,
    ) -> Result<(), Error> {
        let mut blob = self.repository.blob(&self.digest, *arrived).await?;
        let mut told = Instant::now();
        report.report(Step::Downloading {
            current: *arrived,
            total: self.size,
        });
        while let Some(chunk) = blob.chunk().await? {
            *arrived += chunk.len() as u64;
            if *arrived > self.size {
                return Err(self.wrong_size(*arrived));
            }
            if sender.send(chunk).await.is_err() {
                return Err(Error::Cancelled);
            }
            if told.elapsed() >= TICK {
                told = Instant::now();
                report.report(Step::Downloading {
                    current: *arrived,
                    total: self.size,
                });
            }
        }
        // A clean end that comes too early is a break like any other, unless nothing came at all.
        if *arrived < self.size {
            Err(self.wrong_size(*arrived))
        } else {
            Ok(())
        }
    }

    fn wrong_size(&self, actual: u64) -> Error {
        let (digest, expected) = (self.digest.clone(), self.size);
        gantry_content::Error::SizeMismatch {
            digest,
            expected,
            actual,
        }
        .into()
    }

    /// Waits for the storing thread, telling how far it is.
    async fn watch(
        &self,
        storing: &mut Storing,
        position: &AtomicU64,
        report: &Report,
    ) -> Result<(), Error> {
        loop {
            tokio::select! {
                stored = storing.end() => return stored,
                () = sleep(TICK) => {
                    let current = position.load(Ordering::Relaxed);
                    report.report(Step::Extracting { current, total: self.size });
                }
            }
        }
    }
}

/// Why an attempt failed, and whether it stood on an earlier one's bytes.
struct Attempt {
    error: Error,
    resumed: bool,
}

/// The thread that decodes and stores; it ends by itself when the download is given up.
struct Storing(JoinHandle<Result<(), Error>>);

impl Storing {
    fn start(images: &Images, diff_id: &Digest, follow: Follow) -> Self {
        let snapshotter = Arc::clone(images.snapshotter());
        let diff_id = diff_id.clone();
        Self(tokio::task::spawn_blocking(move || {
            let read = |source| gantry_snapshot::Error::Read {
                layer: diff_id.clone(),
                source,
            };
            // Looking at the first bytes waits for them: on this thread, not on a runtime's.
            let plain = decode(follow).map_err(read)?;
            let mut tar = read_ahead(plain).map_err(read)?;
            snapshotter.ingest(&diff_id, &mut tar)?;
            Ok(())
        }))
    }

    async fn end(&mut self) -> Result<(), Error> {
        (&mut self.0).await.unwrap_or(Err(Error::Cancelled))
    }
}

fn write(mut ingest: Ingest, mut chunks: mpsc::Receiver<Bytes>) -> Result<Ingest, Error> {
    while let Some(chunk) = chunks.blocking_recv() {
        ingest.write(&chunk)?;
    }
    Ok(ingest)
}

/// Whether asking again may help.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Registry(gantry_registry_client::Error::Request { .. }) => true,
        Error::Registry(gantry_registry_client::Error::Status { status, .. }) => {
            status.starts_with("429") || status.starts_with('5')
        }
        Error::Content(gantry_content::Error::SizeMismatch {
            expected, actual, ..
        }) => actual < expected,
        _ => false,
    }
}

const fn is_mismatch(error: &Error) -> bool {
    matches!(
        error,
        Error::Content(gantry_content::Error::DigestMismatch { .. })
    )
}
