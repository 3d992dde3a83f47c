//! What the client uploads: a context that came to it as an archive.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use super::{Session, SessionError, metadata, pipe};

const METHOD: &str = "/moby.upload.v1.Upload/Pull";
/// The host under which such addresses stand.
const HOST: &str = "buildkit-session";

impl Session {
    /// The bytes behind an address of the client's own, `http://buildkit-session/...`.
    pub(crate) fn upload(
        &self,
        address: &str,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<>, SessionError> {
        let path = address.split_once(HOST).map_or("", |(_, path)| path);
        let path = path.trim_start_matches('/').to_owned();
        let opened = pipe::open(self, METHOD, |map| {
            metadata::insert(map, "urlpath", &path);
            metadata::insert(map, "urlhost", HOST);
        });
        let pipe::Pipe {
            to_client,
            from_client,
        } = opened?;
        // The other direction stays open, and silent, as long as somebody reads.
        Ok(from_client.map(move |piece| {
            let _open = &to_client;
            piece.map_err(|status| io::Error::other(status.message().to_owned()))
        }))
    }
}

/// Whether an address means something that the client uploads.
pub(crate) fn is_uploaded(address: &str) -> bool {
    let host = address.split_once("://").map_or("", |(_, rest)| rest);
    host.split('/').next() == Some(HOST)
}
