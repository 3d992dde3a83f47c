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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    use futures_util::future::BoxFuture;
    use gantry_api_types::AuthConfig;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

    use crate::Duplex;

    /// Answers every byte with the next one.
    struct Counting;

    fn none<'a, T>() -> BoxFuture<'a, Result<T, Error>> {
        Box::pin(async { Err(Error::Asker("not for this test".to_owned())) })
    }

    impl Asker for Counting {
        fn secret<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
            none()
        }

        fn has_agent<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
            none()
        }

        fn ssh<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Box<dyn Duplex>, Error>> {
            assert_eq!(id, "mine");
            let (ours, mut theirs) = tokio::io::duplex(16);
            tokio::spawn(async move {
                while let Ok(byte) = theirs.read_u8().await {
                    if theirs.write_u8(byte + 1).await.is_err() {
                        break;
                    }
                }
            });
            Box::pin(async move { Ok(Box::new(ours) as Box<dyn Duplex>) })
        }

        fn login<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<AuthConfig>, Error>> {
            none()
        }

        fn blob<'a>(
            &'a self,
            _: &'a str,
            _: &'a str,
        ) -> BoxFuture<'a, Result<Box<dyn AsyncRead + Send + Unpin>, Error>> {
            none()
        }

        fn put_blob<'a>(
            &'a self,
            _: &'a str,
            _: &'a str,
            _: u64,
        ) -> BoxFuture<'a, Result<Option<Box<dyn AsyncWrite + Send + Unpin>>, Error>> {
            none()
        }

        fn archive<'a>(
            &'a self,
            _: &'a str,
        ) -> BoxFuture<'a, Result<Box<dyn AsyncWrite + Send + Unpin>, Error>> {
            none()
        }

        fn debug<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
            none()
        }

        fn tree<'a>(&'a self, _: &'a str, _: OwnedFd) -> BoxFuture<'a, Result<(), Error>> {
            none()
        }
    }

    #[tokio::test]
    async fn each_connection_reaches_the_agent_and_the_socket_goes() {
        let place = tempfile::tempdir().unwrap();
        let asker: Arc<dyn Asker> = Arc::new(Counting);
        let access = Access {
            mode: 0o600,
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
        };
        let socket = AgentSocket::listen(place.path(), &asker, "mine".to_owned(), access).unwrap();
        for start in [1, 7] {
            let mut client = UnixStream::connect(socket.path()).await.unwrap();
            client.write_u8(start).await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), start + 1);
        }
        drop(socket);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
