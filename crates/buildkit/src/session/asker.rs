//! A session as the builder sees it.

use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use gantry_api_types::AuthConfig;
use gantry_builder::{Asker, Duplex, Error};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Session;

/// Bytes between a container and an agent that may be on their way.
const AGENT_BUFFER: usize = 64 << 10;

impl Asker for Session {
    fn secret<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move { Ok(self.secret_of(id).await?) })
    }

    fn has_agent<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.knows_agent(id).await) })
    }

    fn ssh<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Box<dyn Duplex>, Error>> {
        Box::pin(async move {
            let (theirs, ours) = tokio::io::duplex(AGENT_BUFFER);
            let (session, id) = (self.clone(), id.to_owned());
            tokio::spawn(async move {
                if let Err(error) = session.forward_agent(&id, ours).await {
                    tracing::debug!("the agent {id} of a build's client: {error}");
                }
            });
            Ok(Box::new(theirs) as Box<dyn Duplex>)
        })
    }

    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<AuthConfig>, Error>> {
        Box::pin(async move {
            let known = self.credentials(host).await?;
            Ok(known.map(|(username, password)| {
                let mut login = AuthConfig {
                    server_address: host.to_owned(),
                    ..AuthConfig::default()
                };
                // A refresh token has no name of its own.
                if username.is_empty() {
                    login.identity_token = password;
                } else {
                    (login.username, login.password) = (username, password);
                }
                login
            }))
        })
    }

    fn blob<'a>(
        &'a self,
        layout: &'a str,
        digest: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn AsyncRead + Send + Unpin>, Error>> {
        Box::pin(async move {
            let blob = self.blob_of(layout, digest).await?;
            Ok(Box::new(blob) as Box<dyn AsyncRead + Send + Unpin>)
        })
    }

    fn put_blob<'a>(
        &'a self,
        layout: &'a str,
        digest: &'a str,
        size: u64,
    ) -> BoxFuture<'a, Result<Option<Box<dyn AsyncWrite + Send + Unpin>>, Error>> {
        Box::pin(async move {
            let blob = self.blob_into(layout, digest, size).await?;
            Ok(blob.map(|blob| Box::new(blob) as Box<dyn AsyncWrite + Send + Unpin>))
        })
    }

    fn archive<'a>(
        &'a self,
        export: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn AsyncWrite + Send + Unpin>, Error>> {
        Box::pin(async move {
            let archive = self.archive_of(export)?;
            Ok(Box::new(archive) as Box<dyn AsyncWrite + Send + Unpin>)
        })
    }

    fn debug<'a>(&'a self, container: &'a str, why: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { Ok(self.shell_in(container, why).await?) })
    }

    fn tree<'a>(&'a self, export: &'a str, root: OwnedFd) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { Ok(self.tree_of(export, root).await?) })
    }
}
