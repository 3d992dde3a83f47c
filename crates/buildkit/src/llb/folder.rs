//! A folder of a client of which the client itself says what is wanted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use gantry_builder::{Context, Error, Files, Told};
use gantry_dockerfile::Ignore;

use crate::local::{Brought, Line};
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
            let line = Line::new("transferring");
            let (counted, total) = (Arc::clone(&line.bytes), Arc::clone(&line.bytes));
            let locals = &self.server.locals;
            let brought = locals.bring(&self.session, &self.wanted, move |bytes| {
                counted.store(bytes, Ordering::Relaxed);
            });
            let Brought {
                place,
                digests,
                bytes,
                ..
            } = line.drawn(brought, part).await?;
            total.store(bytes, Ordering::Relaxed);
            part(line.told(true));
            let path = place.path().to_owned();
            let context = Context::new(path, Ignore::default(), place)?;
            Ok(Arc::new(match digests {
                Some(digests) => context.remembering(digests),
                None => context,
            }))
        })
    }
}
