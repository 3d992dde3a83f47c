//! `gantry manifest create`

use gantry_reference::Reference;

use super::entry::ImageManifest;
use super::lists::Lists;
use super::registry;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry manifest create`
    pub(crate) struct CreateList {
        /// Amend an existing manifest list
        "amend" 'a' => amend: bool,
        /// Allow communication with an insecure registry
        "insecure" => insecure: bool,
    }
}

impl Command for CreateList {
    const USAGE: &'static str = "MANIFEST_LIST MANIFEST [MANIFEST...]";
    const ABOUT: &'static str =
        "Create a local manifest list for annotating and pushing to a registry";
    const WORDS: Arity = Arity::AtLeast(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let list = Reference::parse(&words[0]).map_err(|error| {
            Failure::new(format!(
                "error parsing name for manifest list {}: {error}",
                words[0]
            ))
        })?;
        let lists = Lists::of(session.config().directory());
        if lists.list(&list)?.is_some() && !self.amend {
            return Err(Failure::new(
                "refusing to amend an existing manifest list with no --amend flag",
            ));
        }
        for word in &words[1..] {
            let name = Reference::parse(word).map_err(Failure::new)?;
            let found = manifest(session, &lists, &list, &name, self.insecure).await?;
            lists.save(&list, &name, &found)?;
        }
        output::line(format!("Created manifest list {list}"));
        Ok(())
    }
}

/// A manifest of a local list, or else the registry's.
pub(super) async fn manifest(
    session: &Session,
    lists: &Lists,
    list: &Reference,
    name: &Reference,
    insecure: bool,
) -> Result<ImageManifest, Failure> {
    if let Some(known) = lists.get(list, name)?.filter(|known| !known.raw.is_empty()) {
        return Ok(known);
    }
    let repository = registry::repository(session, name, insecure)?;
    let (document, parsed) = registry::document(&repository, name.target()).await?;
    if parsed.get("manifests").is_some() {
        return Err(Failure::new(format!("{name} is a manifest list")));
    }
    registry::described(&repository, document, parsed).await
}
