//! `gantry network prune`

use gantry_api_types::NetworksPruneReport;

use crate::command::{Arity, Command};
use crate::commands::prune::{conditions, confirm};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry network prune`
    pub(crate) struct Prune {
        /// Provide filter values (e.g. "until=<timestamp>")
        "filter" => filter: FilterList,
        /// Do not prompt for confirmation
        "force" 'f' => force: bool,
    }
}

impl Command for Prune {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove all unused networks";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        confirm(
            self.force,
            "WARNING! This will remove all custom networks not used by at least one container.",
        )?;
        let client = session.client().await?;
        let request = client
            .post("/networks/prune")
            .query_opt("filters", conditions(session, &self.filter));
        let gone: NetworksPruneReport = request.send().await?.json().await?;
        let names = gone.networks_deleted.unwrap_or_default();
        if !names.is_empty() {
            output::print(format!("Deleted Networks:\n{}\n\n", names.join("\n")));
        }
        Ok(())
    }
}
