//! The real builder behind the routers' trait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use gantry_api_types::{BuildCache, BuildPruneReport, CacheMount, ErrorDetail, JsonMessage};
use gantry_builder::{
    Builder, CacheArchive, CacheStore, Definition, Error, Event, Kind, PruneOptions, Report,
    Request, Space, Told, Warning, excerpt,
};
use http::StatusCode;
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::io::SyncIoBridge;

use super::build::{BuildQuery, PruneQuery};
use super::{Answer, Build, build_cache};
use crate::failure::Failure;
use crate::stream::{ByteReader, ByteStream};

/// Bytes of output that one build may print; the rest is left out, and that is said.
const OUTPUT_MAX: usize = 64 << 20;

impl Build for Builder {
    async fn build(
        &self,
        query: BuildQuery,
        archive: ByteReader,
        lines: UnboundedSender<JsonMessage>,
    ) -> Answer<()> {
        let definition = match &query.remote {
            Some(address) => {
                self.remote_context(address, &query.dockerfile, false, None)
                    .await?
            }
            None => unpacked(self, &query.dockerfile, archive).await?,
        };
        let (name, source) = (definition.name.clone(), definition.dockerfile.clone());
        let request = Request {
            tags: query.tags,
            build_args: query.build_args,
            labels: query.labels,
            target: query.target,
            no_cache: query.no_cache,
            pull: query.pull,
            platforms: query.platform.into_iter().collect(),
            steps: query.steps,
            auth: query.auth,
            cache_from: query.cache_from.into_iter().map(registry).collect(),
            // The classic request cannot ask: what the daemon's configuration allows is granted.
            entitlements: self.settings().entitlements.clone(),
            ..Request::default()
        };
        let report = told(lines.clone(), query.quiet);
        if query.keep_steps && !query.quiet {
            let text = "[Warning] rm=false: the containers of steps do not stay\n";
            let _ = lines.send(JsonMessage::stream(text.to_owned()));
        }
        match Builder::build(self, request, definition, report).await {
            Ok(built) => {
                if let Some(image) = built.image.filter(|_| query.quiet) {
                    let _ = lines.send(JsonMessage::stream(format!("{image}\n")));
                }
                Ok(())
            }
            // Before anything is told, a mistake is a status.
            Err(error @ Error::Dockerfile { .. }) => Err(error.into()),
            Err(error) => {
                let _ = lines.send(failure(&error, &name, &source));
                Ok(())
            }
        }
    }

    async fn prune_builds(&self, query: PruneQuery) -> Answer<BuildPruneReport> {
        let options = PruneOptions {
            all: query.all,
            older_than: query.older_than,
            space: Space {
                reserved: query.reserved,
                max_used: query.max_used,
                min_free: query.min_free,
            },
            share_of_disk: false,
            ids: query.ids,
            kinds: query.kinds,
        };
        let pruned = self.prune(&options).await?;
        Ok(BuildPruneReport {
            caches_deleted: Some(pruned.deleted).filter(|deleted| !deleted.is_empty()),
            space_reclaimed: pruned.reclaimed,
        })
    }

    async fn build_cache(&self) -> Answer<Vec<BuildCache>> {
        let builder = self.clone();
        let records = tokio::task::spawn_blocking(move || builder.usage())
            .await
            .map_err(|error| Failure::internal(format!("counting was cut off: {error}")))??;
        Ok(records.into_iter().map(build_cache::counted).collect())
    }

    async fn cache_mounts(&self) -> Answer<Vec<CacheMount>> {
        let builder = self.clone();
        let mounts = tokio::task::spawn_blocking(move || Builder::cache_mounts(&builder))
            .await
            .map_err(|error| Failure::internal(format!("counting was cut off: {error}")))??;
        Ok(mounts.into_iter().map(build_cache::mount).collect())
    }

    async fn export_cache_mount(&self, id: &str) -> Answer<ByteStream> {
        let archive = Builder::export_cache_mount(self, id).await?;
        let next = |mut archive: CacheArchive| async move {
            archive.next().await.map(|chunk| (chunk, archive))
        };
        Ok(futures_util::stream::unfold(archive, next).boxed())
    }

    async fn import_cache_mount(&self, id: &str, archive: ByteReader) -> Answer<()> {
        Ok(Builder::import_cache_mount(self, id, archive).await?)
    }

    async fn remove_cache_mount(&self, id: &str) -> Answer<()> {
        Ok(Builder::remove_cache_mount(self, id).await?)
    }
}

/// A cache beside an image's layers.
fn registry(name: String) -> CacheStore {
    CacheStore {
        kind: "registry".to_owned(),
        options: [("ref".to_owned(), name)].into(),
    }
}

/// The context that is the request's body.
async fn unpacked(builder: &Builder, name: &str, archive: ByteReader) -> Answer<Definition> {
    let (place, name) = (builder.folder().to_owned(), name.to_owned());
    let unpacked = tokio::task::spawn_blocking(move || {
        let mut archive = SyncIoBridge::new(archive);
        let definition = Definition::from_archive(&mut archive, &place, &name, None);
        if definition.is_err() {
            // A client that is still sending would not see why it failed.
            let _ = std::io::copy(&mut archive, &mut std::io::sink());
        }
        definition.map_err(Error::with_way_out)
    });
    let definition = unpacked
        .await
        .map_err(|error| Failure::internal(format!("the context was cut off: {error}")))??;
    Ok(definition)
}

/// The last line of a build that failed, with the lines of the Dockerfile that are to blame.
fn failure(error: &Error, name: &str, source: &[u8]) -> JsonMessage {
    let message = error.to_string();
    let code = error.exit_code().unwrap_or_default();
    let shown = match error.span() {
        // Scripts look for Docker's own sentence about a command.
        Some(span) if code == 0 => format!("{message}\n{}", excerpt(name, source, span)),
        _ => message,
    };
    JsonMessage {
        error_detail: Some(ErrorDetail {
            code,
            message: shown.clone(),
        }),
        error: shown,
        ..JsonMessage::default()
    }
}

/// Turns events into the lines that Docker's classic builder prints.
fn told(lines: UnboundedSender<JsonMessage>, quiet: bool) -> Report {
    let printed = AtomicUsize::new(0);
    Arc::new(move |event| {
        if quiet && !matches!(event, Event::Done(_)) {
            return;
        }
        let stream = |text: String| {
            let _ = lines.send(JsonMessage::stream(text));
        };
        match event {
            Event::Planned(_) => {}
            Event::Instruction { number, of, text } => {
                stream(format!("Step {number}/{of} : {text}\n"));
            }
            Event::Step(_, Told::Cached) => stream(" ---> Using cache\n".to_owned()),
            Event::Step(_, Told::Running(id)) => {
                stream(format!(" ---> Running in {}\n", short(&id)));
            }
            Event::Step(_, Told::Layer(digest)) => stream(format!(" ---> {}\n", short(&digest))),
            Event::Step(_, Told::Output { bytes, .. }) => {
                let before = printed.fetch_add(bytes.len(), Ordering::Relaxed);
                if before < OUTPUT_MAX {
                    stream(String::from_utf8_lossy(&bytes).into_owned());
                    if before + bytes.len() >= OUTPUT_MAX {
                        stream("\n[output clipped, 64 MiB are the limit of a build]\n".to_owned());
                    }
                }
            }
            Event::Step(_, Told::Pull(line)) => {
                let _ = lines.send(*line);
            }
            Event::Step(_, Told::Begun | Told::Here | Told::Part { .. } | Told::Ended(_)) => {}
            Event::Triggers(1) => stream("# Executing 1 build trigger\n".to_owned()),
            Event::Triggers(count) => stream(format!("# Executing {count} build triggers\n")),
            Event::Warning(warning) => stream(format!("[Warning] {}\n", warned(&warning))),
            Event::Done(image) => {
                let _ = lines.send(JsonMessage {
                    aux: Some(json!({"ID": image.to_string()})),
                    ..JsonMessage::default()
                });
                if !quiet {
                    stream(format!("Successfully built {}\n", image.short()));
                }
            }
            Event::Tagged(name) => stream(format!("Successfully tagged {name}\n")),
        }
    })
}

fn warned(warning: &Warning) -> String {
    let line = warning.span.map(|span| span.start.line);
    match (warning.check, line) {
        (Some(check), Some(line)) => {
            format!("{}: {} (line {line})", check.name(), warning.message)
        }
        _ => warning.message.clone(),
    }
}

/// The first twelve digits of an ID or a digest.
fn short(id: &str) -> &str {
    let hex = id.split_once(':').map_or(id, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::NotSupported => StatusCode::NOT_IMPLEMENTED,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        match error {
            Error::Engine(inner) => inner.into(),
            other => Self::new(status, other.to_string()),
        }
    }
}
