//! The connection on which the engine calls us.

mod auth;
mod call;
mod content;
mod debug;
mod export;
mod files;
mod secrets;
mod ssh;
mod upload;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use gantry_client::Client;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

pub use auth::{Login, Logins};
pub use debug::Shell;
pub use secrets::Secret;

use crate::error::Error;
use crate::link::{ALL_WINDOWS, Link, WINDOW};
use crate::send::Source;

/// What the engine may ask for during a build.
#[derive(Default)]
pub struct Services {
    /// Folders by the names that the frontend knows them by: `context`, `dockerfile`.
    pub folders: HashMap<String, Source>,
    /// Where results go, by the exporter's number.
    pub targets: HashMap<usize, Target>,
    /// Secrets by identifier.
    pub secrets: HashMap<String, Secret>,
    /// Sockets of ssh agents by identifier.
    pub agents: HashMap<String, PathBuf>,
    /// Logins of registries.
    pub logins: Option<Arc<dyn Logins>>,
    /// OCI layouts that the engine may read from and write to, by name: `local:FOLDER`, `oci:NAME`.
    pub layouts: HashMap<String, PathBuf>,
    /// Where containers go that are looks at steps that failed.
    pub shells: Option<tokio::sync::mpsc::Sender<Shell>>,
    /// Streams that the engine fetches from us, by name; each once.
    pub uploads: HashMap<String, Box<dyn Read + Send>>,
}

/// Where a result goes.
pub enum Target {
    /// A tree of files, into this folder.
    Folder(PathBuf),
    /// One stream of bytes, here; once.
    Writer(Mutex<Option<Box<dyn Write + Send>>>),
}

/// A session; the engine calls on it until it is dropped.
pub struct Session {
    id: String,
    task: tokio::task::JoinHandle<()>,
}

impl Session {
    /// Opens it. `shared_key` names the folder's place for the engine, so that it finds again what
    /// it got the last time and asks for changes only.
    pub async fn open(
        client: &Client,
        services: Services,
        shared_key: &str,
    ) -> Result<Self, Error> {
        let id = crate::id::new_id()?;
        let services = call::Dispatch::new(services);
        let mut request = client
            .post("/session")
            .unversioned()
            .header("x-docker-expose-session-uuid", &id)
            .header("x-docker-expose-session-sharedkey", shared_key);
        for method in services.methods() {
            request = request.another_header("x-docker-expose-session-grpc-method", method);
        }
        let link = Link::new(request.hijack_as("h2c").await?)?;
        let serving = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(ALL_WINDOWS)
            .serve_connection(TokioIo::new(link), services);
        let task = tokio::spawn(async move {
            // That it ended is told by the build.
            let _ = serving.await;
        });
        Ok(Self { id, task })
    }

    /// Its identifier, which builds refer to.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}
