//! What is known of layers' compressed forms.
//!
//! The compressed bytes of a layer are not kept. Which digest they had, and which repositories have
//! them, is: so a push need not compress what the registry has already.

use gantry_reference::{Digest, Reference};

use super::Images;
use crate::Error;
use crate::catalog::{Change, Origin};

/// Compressed forms that are remembered of one layer, and repositories of each.
const FORMS_MAX: usize = 4;
const REPOSITORIES_MAX: usize = 16;

impl Images {
    /// The compressed forms of a layer that are known.
    pub(crate) fn origins(&self, diff_id: &Digest) -> Vec<Origin> {
        let contents = self.0.catalog.read();
        contents.origins.get(diff_id).cloned().unwrap_or_default()
    }

    /// Notes that a repository has layers in these forms.
    pub(crate) fn note_origins(
        &self,
        reference: &Reference,
        forms: impl IntoIterator<Item = (Digest, Origin)>,
    ) -> Result<(), Error> {
        let repository = reference.repository();
        let _change = self.lock_changes();
        let mut set_origins: Vec<(Digest, Vec<Origin>)> = Vec::new();
        for (diff_id, form) in forms {
            let before = self.origins(&diff_id);
            let known = with(before.clone(), form, &repository);
            if known != before && set_origins.iter().all(|(other, _)| *other != diff_id) {
                set_origins.push((diff_id, known));
            }
        }
        if set_origins.is_empty() {
            return Ok(());
        }
        self.0.catalog.apply(Change {
            set_origins,
            ..Change::default()
        })
    }
}

/// The latest form first, and its latest place.
fn with(mut known: Vec<Origin>, form: Origin, repository: &str) -> Vec<Origin> {
    let at = known.iter().position(|other| other.digest == form.digest);
    let mut form = at.map_or(form, |at| known.remove(at));
    form.repositories.retain(|other| other != repository);
    form.repositories.insert(0, repository.to_owned());
    form.repositories.truncate(REPOSITORIES_MAX);
    known.insert(0, form);
    known.truncate(FORMS_MAX);
    known
}
