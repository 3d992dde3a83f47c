//! `diff`.

use gantry_api_types::FilesystemChange;
use gantry_snapshot::ChangeKind;

use super::{Containers, blocking};
use crate::Error;

impl Containers {
    /// What a container has changed of its image's files; `None` for nothing.
    pub async fn changes(&self, id: &str) -> Result<Option<Vec<FilesystemChange>>, Error> {
        let container = self.registry.find(id)?;
        let service = self.clone();
        let changes = blocking(move || Ok(service.snapshots.changes(&container.id)?)).await?;
        let change = |change: gantry_snapshot::Change| FilesystemChange {
            kind: match change.kind {
                ChangeKind::Modified => 0,
                ChangeKind::Added => 1,
                ChangeKind::Deleted => 2,
            },
            path: String::from_utf8_lossy(&change.path).into_owned(),
        };
        Ok((!changes.is_empty()).then(|| changes.into_iter().map(change).collect()))
    }
}
