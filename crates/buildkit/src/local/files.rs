//! A folder as the files of a build.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gantry_builder::{Context, Error, Files, Told};
use gantry_dockerfile::Ignore;

use super::sources::ignored;
use crate::session::{Session, Sync};

/// A folder of a client that a build may need.
pub(crate) struct LocalFiles {
    pub server: crate::Server,
    pub session: Session,
    /// What the client calls it.
    pub name: String,
    /// What of it does not belong to the context; `None` asks the folder itself.
    pub ignore: Option<(Vec<String>, Ignore)>,
}

impl std::fmt::Debug for LocalFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalFiles")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Files for LocalFiles {
    fn bring<'a>(
        &'a self,
        paths: &'a [String],
        part: &'a (dyn Fn(Told) + Send + std::marker::Sync),
    ) -> BoxFuture<'a, Result<Arc<Context>, Error>> {
        Box::pin(async move {
            let (patterns, ignore) = match &self.ignore {
                Some(known) => known.clone(),
                None => ignored(&self.server, &self.session, &self.name).await?,
            };
            let wanted = Sync {
                name: self.name.clone(),
                follow: paths.to_vec(),
                exclude: patterns,
                ..Sync::default()
            };
            let locals = &self.server.locals;
            let shown = "transferring context:";
            let brought = locals.context(&self.session, &wanted, ignore, shown, part);
            brought.await
        })
    }
}
