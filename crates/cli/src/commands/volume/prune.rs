//! `gantry volume prune`

use gantry_api_types::VolumesPruneReport;

use crate::command::{Arity, Command};
use crate::commands::prune::{conditions, confirm, report};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::session::Session;

flags! {
    /// `gantry volume prune`
    pub(crate) struct Prune {
        /// Remove all unused volumes, not just anonymous ones
        "all" 'a' => all: bool,
        /// Provide filter values (e.g. "label=<label>")
        "filter" => filter: FilterList,
        /// Do not prompt for confirmation
        "force" 'f' => force: bool,
    }
}

impl Command for Prune {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove unused local volumes";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let which = if self.all { "" } else { "anonymous " };
        confirm(
            self.force,
            &format!(
                "WARNING! This will remove {which}local volumes not used by at least one container."
            ),
        )?;
        let mut given = self.filter.to_vec();
        given.extend(self.all.then(|| "all=true".to_owned()));
        let client = session.client().await?;
        let request = client
            .post("/volumes/prune")
            .query_opt("filters", conditions(session, &given));
        let gone: VolumesPruneReport = request.send().await?.json().await?;
        report(
            "Deleted Volumes:",
            &gone.volumes_deleted.unwrap_or_default(),
            gone.space_reclaimed,
        );
        Ok(())
    }
}
