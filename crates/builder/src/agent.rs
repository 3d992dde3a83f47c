//! A socket that leads to the ssh agent of whoever asked for the build.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::trees::Access;
use crate::{Asker, Error};

/// A listening socket; it ends, with its connections, when it is dropped.
pub(crate) struct AgentSocket {
    path: PathBuf,
    serving: AbortHandle,
    _folder: tempfile::TempDir,
}

impl AgentSocket {
    /// Listens in a folder of its own below `place`.
    pub(crate) fn listen(
        place: &Path,
        asker: &Arc<dyn Asker>,
        id: String,
        access: Access,
    ) -> Result<Self, Error> {
        let failed = |e| Error::file("make a socket in", place)(e);
        let folder = tempfile::Builder::new().prefix("agent-").tempdir_in(place);
        let folder = folder.map_err(failed)?;
        let path = folder.path().join("agent");
        // A socket's address has 108 bytes at most, a path may have more.
        let opened = std::fs::File::open(folder.path()).map_err(failed)?;
        let short = format!(
            "/proc/self/fd/{}/agent",
            std::os::fd::AsRawFd::as_raw_fd(&opened)
        );
        let listener = UnixListener::bind(short).map_err(failed)?;
        chown(&path, Some(access.uid), Some(access.gid)).map_err(failed)?;
        let mode = std::fs::Permissions::from_mode(access.mode);
        std::fs::set_permissions(&path, mode).map_err(failed)?;
        let serving = tokio::spawn(serve(listener, Arc::clone(asker), id)).abort_handle();
        Ok(Self {
            path,
            serving,
            _folder: folder,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for AgentSocket {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: UnixListener, asker: Arc<dyn Asker>, id: String) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (asker, id) = (Arc::clone(&asker), id.clone());
        connections.spawn(async move {
            if let Err(error) = pass(client, asker, &id).await {
                tracing::debug!("an ssh agent's connection ended: {error}");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(mut client: UnixStream, asker: Arc<dyn Asker>, id: &str) -> Result<(), Error> {
    let mut agent = asker.ssh(id).await?;
    copy_bidirectional(&mut client, &mut agent)
        .await
        .map(drop)
        .map_err(|e| Error::Asker(format!("the agent {id}: {e}")))
}
