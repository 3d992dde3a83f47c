//! The files of a result: as an archive, or one by one.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio_util::io::SyncIoBridge;

use super::{Export, Outcome, Results};
use crate::Error;
use crate::copy::{Job, Origin};
use crate::step::blocking;

impl Results<'_> {
    /// An archive of the files; of several platforms, each below a folder of its own.
    pub(super) async fn archive(&self, export: &Export) -> Result<(), Error> {
        self.only_files(export)?;
        let root = self.root().await?;
        let out = self.asker()?.archive(&export.id).await?;
        blocking(move || {
            let job = Job::of_all(Origin::Root(Arc::new(root.0)), "/");
            let mut bridge = SyncIoBridge::new(out);
            job.plan()?.write(&mut bridge)?;
            bridge.shutdown().map_err(Error::file("end", "the archive"))
        })
        .await
    }

    /// The files themselves.
    pub(super) async fn folder(&self, export: &Export) -> Result<(), Error> {
        self.only_files(export)?;
        let asker = self.asker()?;
        let (root, _keeper) = self.root().await?;
        asker.tree(&export.id, root).await
    }

    fn only_files(&self, export: &Export) -> Result<(), Error> {
        if self.attests(export) {
            return Err(Error::NotSupported(
                "an attestation beside files".to_owned(),
            ));
        }
        Ok(())
    }

    /// All files, and what keeps them.
    async fn root(&self) -> Result<(OwnedFd, Option<tempfile::TempDir>), Error> {
        let view = |outcome: &Outcome| -> Result<OwnedFd, Error> {
            let store = outcome.work.builder.engine.images.store();
            Ok(store.snapshotter().view(&outcome.stage.layers)?.root)
        };
        if let [one] = self.outcomes
            && !self.request.multi_platform
        {
            return Ok((view(one)?, None));
        }
        let mut roots = Vec::new();
        for outcome in self.outcomes {
            roots.push((
                outcome.work.platform_name().replace('/', "_"),
                view(outcome)?,
            ));
        }
        let place = match self.outcomes.first() {
            Some(outcome) => outcome.work.builder.folder().to_owned(),
            None => return Err(Error::Invalid("nothing was built".to_owned())),
        };
        blocking(move || {
            let failed = || Error::file("create a folder in", &place);
            let folder = tempfile::tempdir_in(&place).map_err(failed())?;
            let whole = std::fs::File::open(folder.path()).map_err(failed())?;
            for (name, root) in roots {
                let mut job = Job::of_all(Origin::Root(Arc::new(root)), "/");
                job.destination = format!("/{name}/");
                job.write_into(whole.as_fd())?;
            }
            Ok((whole.into(), Some(folder)))
        })
        .await
    }
}
