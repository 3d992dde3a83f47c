//! `pull` and `load`.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;

use gantry_api_types::{AuthConfig, JsonMessage};
use gantry_reference::Reference;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::runtime::Handle;

use super::progress::Lines;
use super::{Images, Report, login, named, read_platform};
use crate::Error;

/// What to pull.
#[derive(Debug, Clone, Default)]
pub struct PullRequest {
    /// Name, perhaps with tag or digest.
    pub image: String,
    /// Tag or digest; where neither is given, here or in the name, all tags.
    pub tag: String,
    /// `linux/amd64`; `None` or empty is this machine's.
    pub platform: Option<String>,
    /// The client's login.
    pub auth: Option<AuthConfig>,
}

/// What to load.
pub struct LoadRequest {
    /// The archive, compressed or not.
    pub archive: Pin<Box<dyn AsyncRead + Send>>,
    /// No lines about layers.
    pub quiet: bool,
    /// The platform that is wanted; empty is whatever is there.
    pub platform: Option<String>,
}

impl Images {
    /// Brings an image from its registry. Dropping the future gives it up.
    pub async fn pull(&self, request: PullRequest, report: Report) -> Result<(), Error> {
        let reference = named(&request.image, &request.tag)?;
        if self.is_inside(&reference) {
            return self.take_out(&reference, &report);
        }
        let platform = request.platform.as_deref().filter(|text| !text.is_empty());
        let platform = platform.map(read_platform).transpose()?;
        // As Docker: a name with neither tag nor digest is all that the repository has.
        let all = !reference.was_tagged();
        let request = gantry_image::PullRequest {
            reference: reference.clone(),
            platform,
            silent_end: false,
            credentials: request
                .auth
                .map(login::credentials)
                .transpose()?
                .unwrap_or_default(),
        };
        let lines = Arc::new(Lines {
            report,
            quiet: false,
        });
        let pulled = if all {
            self.store.pull_all(&request, lines).await
        } else {
            self.store.pull(&request, lines).await.map(drop)
        };
        give_back_memory();
        pulled.map_err(|e| match e.kind() {
            // As Docker: told 401, its command line would ask for a password and try again.
            gantry_image::Kind::Unauthorized => Error::Internal(e.to_string()),
            _ => Error::from(e),
        })?;
        let repository = reference.familiar_repository();
        let name = if all {
            repository.clone()
        } else {
            reference.familiar()
        };
        self.tell(&name, "pull", &repository);
        Ok(())
    }

    /// A pull of the image that comes with the program.
    fn take_out(&self, name: &Reference, report: &Report) -> Result<(), Error> {
        let name = name.familiar();
        report(JsonMessage::status(if self.bring_hello()? {
            format!("Status: {name} came with gantry itself, without a registry")
        } else {
            format!("Status: Image is up to date for {name}")
        }));
        self.tell(&name, "pull", &name);
        Ok(())
    }

    /// Brings in the images of an archive.
    pub async fn load(&self, request: LoadRequest, report: Report) -> Result<(), Error> {
        let archive = Blocking {
            inner: request.archive,
            runtime: Handle::current(),
        };
        let lines = Lines {
            report,
            quiet: request.quiet,
        };
        let platform = request.platform.as_deref().filter(|text| !text.is_empty());
        let platform = platform.map(read_platform).transpose()?;
        let store = self.store.clone();
        let load = move || store.load(archive, platform.as_ref(), &lines);
        let loaded = tokio::task::spawn_blocking(load).await;
        give_back_memory();
        let loaded = loaded.map_err(|error| Error::Internal(format!("load: {error}")))??;
        for one in &loaded {
            let id = one.image().as_str();
            self.tell(id, "load", id);
        }
        Ok(())
    }
}

/// Layers pass through many megabytes of buffers, which an idle daemon has no use for.
fn give_back_memory() {
    tokio::task::spawn_blocking(gantry_sys::heap::trim);
}

/// An asynchronous reader for a thread that may wait.
struct Blocking {
    inner: Pin<Box<dyn AsyncRead + Send>>,
    runtime: Handle,
}

impl Read for Blocking {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.runtime.block_on(self.inner.read(buf))
    }
}
