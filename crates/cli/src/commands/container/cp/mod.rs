//! `gantry cp`

mod pack;
mod plan;
mod rename;
mod unpack;

use std::io::{self, IsTerminal as _, stdin, stdout};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_api_types::PathStat;
use gantry_client::{Client, Error, Response};
use gantry_units::human_size_with_precision;
use http::Method;
use tokio::sync::mpsc;

use self::plan::{Destination, Place, Source, asserts_directory, place};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;
use crate::upload::chunks;

flags! {
    /// `gantry cp`
    pub(crate) struct Copy {
        /// Archive mode (copy all uid/gid information)
        "archive" 'a' => archive: bool,
        /// Always follow symbol link in SRC_PATH
        "follow-link" 'L' => follow_link: bool,
        /// Suppress progress output during copy. Progress output is automatically suppressed if no
        /// terminal is attached
        "quiet" 'q' => quiet: bool,
    }
}

impl Command for Copy {
    const USAGE: &'static str = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH\n[OPTIONS] CONTAINER:SRC_PATH CONTAINER:DEST_PATH";
    const ABOUT: &'static str = "Copy files/folders between containers and the local filesystem";
    const LONG: &'static str = "Copy files/folders between containers and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let (source, target) = (split(&words[0]), split(&words[1]));
        match (source, target) {
            ((Some(from), path), (Some(to), target)) => {
                let client = session.client().await?;
                self.pass_on(&client, (from, path), (to, target)).await
            }
            ((None, _), (None, _)) => {
                Err(Failure::new("must specify at least one container source"))
            }
            ((Some(container), path), (None, target)) => {
                let client = session.client().await?;
                self.fetch(&client, container, path, target).await
            }
            ((None, source), (Some(container), path)) => {
                let client = session.client().await?;
                self.send(&client, source, container, path).await
            }
        }
    }
}

/// `container:path`, or a path of ours: one that is absolute or begins with a dot.
fn split(word: &str) -> (Option<&str>, &str) {
    match word.split_once(':') {
        Some((container, path)) if !word.starts_with(['/', '.', ':']) => (Some(container), path),
        _ => (None, word),
    }
}

impl Copy {
    async fn fetch(
        &self,
        client: &Client,
        container: &str,
        path: &str,
        target: &str,
    ) -> Result<(), Failure> {
        if target == "-" && stdout().is_terminal() {
            return Err(Failure::new("cowardly refusing to copy to a terminal"));
        }
        let mut wanted = path.to_owned();
        if self.follow_link
            && let Ok(stat) = stat(client, container, path).await
            && !stat.link_target.is_empty()
        {
            wanted = plan::link_target(path, &stat.link_target);
        }
        let request = client
            .get(Client::path("/containers/", container, "/archive"))
            .query("path", &wanted);
        let mut response = request.send().await?;
        if target == "-" {
            while let Some(chunk) = response.chunk().await? {
                output::write(&chunk);
            }
            return Ok(());
        }
        let stat = stat_of(&response)?;
        let source = Source {
            base: plan::base(&wanted),
            is_dir: is_dir(&stat),
        };
        let destination = local_destination(target)?;
        // A link that was followed keeps its own name.
        let name = if self.follow_link {
            plan::base(path)
        } else {
            source.base.clone()
        };
        let place = place(
            &Source {
                base: name,
                ..source
            },
            &destination,
        )?;
        let copied = receive(response, plan::base(&wanted), place).await?;
        self.tell(copied, target);
        Ok(())
    }

    /// From one container into another, or into itself: the archive goes through us as it comes, and
    /// everything keeps its owner.
    async fn pass_on(
        &self,
        client: &Client,
        (from, path): (&str, &str),
        (to, target): (&str, &str),
    ) -> Result<(), Failure> {
        let mut wanted = path.to_owned();
        if self.follow_link
            && let Ok(stat) = stat(client, from, path).await
            && !stat.link_target.is_empty()
        {
            wanted = plan::link_target(path, &stat.link_target);
        }
        let destination = container_destination(client, to, target).await;
        let request = client
            .get(Client::path("/containers/", from, "/archive"))
            .query("path", &wanted);
        let response = request.send().await?;
        let stat = stat_of(&response)?;
        let base = if self.follow_link { path } else { &wanted };
        let source = Source {
            base: plan::base(base),
            is_dir: is_dir(&stat),
        };
        let place = place(&source, &destination)?;
        let (body, total) = rename::renamed(response, plan::base(&wanted), place.base)?;
        client
            .request(Method::PUT, Client::path("/containers/", to, "/archive"))
            .query("path", &place.directory)
            .query("noOverwriteDirNonDir", "true")
            .stream("application/x-tar", body)
            .send()
            .await?
            .finish()
            .await;
        self.tell(total.total(), &format!("{to}:{target}"));
        Ok(())
    }

    async fn send(
        &self,
        client: &Client,
        source: &str,
        container: &str,
        path: &str,
    ) -> Result<(), Failure> {
        let destination = container_destination(client, container, path).await;
        let request = |directory: &str| {
            client
                .request(
                    Method::PUT,
                    Client::path("/containers/", container, "/archive"),
                )
                .query("path", directory)
                .query("noOverwriteDirNonDir", "true")
                .query_opt("copyUIDGID", self.archive.then_some("true"))
        };
        if source == "-" {
            if !destination.is_dir {
                return Err(Failure::new(format!(
                    "destination \"{container}:{path}\" must be a directory"
                )));
            }
            let body = chunks(Box::new(stdin()))?;
            request(&destination.path)
                .stream("application/x-tar", body)
                .send()
                .await?
                .finish()
                .await;
            return Ok(());
        }
        let (found, is_dir) = local_source(source, self.follow_link)?;
        let place = place(
            &Source {
                base: plan::base(source),
                is_dir,
            },
            &destination,
        )?;
        let (body, count) = pack::archive(found, place.base)?;
        request(&place.directory)
            .stream("application/x-tar", body)
            .send()
            .await?
            .finish()
            .await;
        self.tell(count.total(), &format!("{container}:{path}"));
        Ok(())
    }

    fn tell(&self, bytes: u64, target: &str) {
        if !self.quiet && io::stderr().is_terminal() {
            let size = human_size_with_precision(bytes as f64, 3);
            eprintln!("Successfully copied {size} to {target}");
        }
    }
}

/// Unpacks an answer's archive on a thread of its own.
async fn receive(mut response: Response, base: String, place: Place) -> Result<u64, Failure> {
    let (sender, receiver) = mpsc::channel(4);
    let unpacking = tokio::task::spawn_blocking(move || unpack::unpack(receiver, &base, &place));
    let mut total = 0;
    while let Some(chunk) = response.chunk().await? {
        total += chunk.len() as u64;
        if sender.send(chunk).await.is_err() {
            // It failed, and says below why.
            break;
        }
    }
    drop(sender);
    unpacking.await.map_err(Failure::new)??;
    Ok(total)
}

/// What of ours is to be copied: the path to read, and whether it is a directory.
fn local_source(source: &str, follow: bool) -> Result<(PathBuf, bool), Failure> {
    let path = Path::new(source);
    let missing = |error: io::Error| Failure::new(plan::go_error("lstat", source, &error));
    let link = path.symlink_metadata().map_err(missing)?;
    let follows = follow || asserts_directory(source);
    let metadata = if follows {
        path.metadata().map_err(missing)?
    } else {
        link
    };
    if asserts_directory(source) && !metadata.is_dir() {
        return Err(Failure::new("not a directory"));
    }
    let found = if follows {
        path.canonicalize().map_err(missing)?
    } else {
        path.to_owned()
    };
    Ok((found, metadata.is_dir()))
}

/// What is at a path of ours; the directory that it would be in must be there.
fn local_destination(target: &str) -> Result<Destination, Failure> {
    let path = Path::new(target);
    let found = path.metadata().ok();
    if found.is_none() {
        let parent = plan::parent(target);
        if !Path::new(&parent).is_dir() {
            return Err(Failure::new(format!(
                "invalid output path: directory \"{parent}\" does not exist"
            )));
        }
    }
    Ok(Destination {
        path: target.to_owned(),
        exists: found.is_some(),
        is_dir: found.is_some_and(|metadata| metadata.is_dir()),
    })
}

/// What is at a path of the container, links followed. What cannot be found out is taken for a
/// name in a directory that is there: then the daemon says what is wrong.
async fn container_destination(client: &Client, container: &str, path: &str) -> Destination {
    let mut path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let mut found = stat(client, container, &path).await.ok();
    if let Some(link) = found.as_ref().filter(|stat| !stat.link_target.is_empty()) {
        path = plan::link_target(&path, &link.link_target);
        found = stat(client, container, &path).await.ok();
    }
    Destination {
        path,
        exists: found.is_some(),
        is_dir: found.as_ref().is_some_and(is_dir),
    }
}

async fn stat(client: &Client, container: &str, path: &str) -> Result<PathStat, Failure> {
    let request = client
        .request(
            Method::HEAD,
            Client::path("/containers/", container, "/archive"),
        )
        .query("path", path);
    let response = request.send().await?;
    let stat = stat_of(&response);
    response.finish().await;
    stat
}

fn stat_of(response: &Response) -> Result<PathStat, Failure> {
    let header = response
        .header("x-docker-container-path-stat")
        .unwrap_or_default();
    let bytes = STANDARD.decode(header).map_err(|error| {
        Failure::new(format!(
            "the daemon's description of the path cannot be read: {error}"
        ))
    })?;
    serde_json::from_slice(&bytes).map_err(|source| {
        Failure::from(Error::Decode {
            what: "archive".to_owned(),
            source,
        })
    })
}

/// Go's bit for directories.
fn is_dir(stat: &PathStat) -> bool {
    stat.mode & (1 << 31) != 0
}
