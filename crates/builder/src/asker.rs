//! The side that asked for a build: its secrets, its agent, its blobs, and where results go.

use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use gantry_api_types::AuthConfig;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Error;

/// A connection in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The side that asked for a build, asked back.
///
/// What it says is never kept: not in a layer, a key, the history or a log.
pub trait Asker: Send + Sync {
    /// The value of a secret; `None` if the other side has none of this id.
    fn secret<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>>;

    /// Whether the other side has an agent of this id.
    fn has_agent<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, Error>>;

    /// One connection to the ssh agent of this id.
    fn ssh<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Box<dyn Duplex>, Error>>;

    /// Name and password for a registry's host; `None` if the other side has none.
    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<AuthConfig>, Error>>;

    /// A blob of an OCI layout that the other side holds under this name.
    fn blob<'a>(
        &'a self,
        layout: &'a str,
        digest: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn AsyncRead + Send + Unpin>, Error>>;

    /// Where a blob for an OCI layout that the other side holds under this name goes; `None` if it has it already. It is
    /// shut down when it is whole.
    fn put_blob<'a>(
        &'a self,
        layout: &'a str,
        digest: &'a str,
        size: u64,
    ) -> BoxFuture<'a, Result<Option<Box<dyn AsyncWrite + Send + Unpin>>, Error>>;

    /// Where the archive of the export with this id goes; it is shut down when it is whole.
    fn archive<'a>(
        &'a self,
        export: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn AsyncWrite + Send + Unpin>, Error>>;

    /// Starts a container and gives it to somebody who types, until it ends; `why` says which command failed there.
    fn debug<'a>(&'a self, container: &'a str, why: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Takes a tree of files, the result of the export with this id.
    fn tree<'a>(&'a self, export: &'a str, root: OwnedFd) -> BoxFuture<'a, Result<(), Error>>;
}
