//! A folder of a client of which the client itself says what is wanted.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gantry_builder::{Context, Error, Files, Told};
use gantry_dockerfile::Ignore;

use crate::session::{Session, Sync};

/// The folder, and what of it is wanted.
pub(crate) struct Folder {
    pub server: crate::Server,
    pub session: Session,
    pub wanted: Sync,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl Files for Folder {
    fn bring<'a>(
        &'a self,
        _paths: &'a [String],
        part: &'a (dyn Fn(Told) + Send + std::marker::Sync),
    ) -> BoxFuture<'a, Result<Arc<Context>, Error>> {
        Box::pin(async move {
            let locals = &self.server.locals;
            let (ignore, shown) = (Ignore::default(), "transferring");
            let brought = locals.context(&self.session, &self.wanted, ignore, shown, part);
            brought.await
        })
    }
}
