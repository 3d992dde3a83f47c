//! `gantry image prune`

use gantry_api_types::ImagesPruneReport;

use crate::command::{Arity, Command};
use crate::commands::prune::{conditions, confirm, report};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::session::Session;

flags! {
    /// `gantry image prune`
    pub(crate) struct Prune {
        /// Remove all unused images, not just dangling ones
        "all" 'a' => all: bool,
        /// Provide filter values (e.g. "until=<timestamp>")
        "filter" => filter: FilterList,
        /// Do not prompt for confirmation
        "force" 'f' => force: bool,
    }
}

impl Command for Prune {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove unused images";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let which = if self.all {
            "images without at least one container associated to them."
        } else {
            "dangling images."
        };
        confirm(
            self.force,
            &format!("WARNING! This will remove all {which}"),
        )?;
        let mut given = self.filter.to_vec();
        given.push(format!("dangling={}", !self.all));
        let client = session.client().await?;
        let request = client
            .post("/images/prune")
            .query_opt("filters", conditions(session, &given));
        let gone: ImagesPruneReport = request.send().await?.json().await?;
        let lines: Vec<String> = gone
            .images_deleted
            .unwrap_or_default()
            .into_iter()
            .map(|item| match item.deleted.as_str() {
                "" => format!("untagged: {}", item.untagged),
                deleted => format!("deleted: {deleted}"),
            })
            .collect();
        report("Deleted Images:", &lines, gone.space_reclaimed);
        Ok(())
    }
}
