//! `gantry container prune`

use gantry_api_types::ContainersPruneReport;

use crate::command::{Arity, Command};
use crate::commands::prune::{conditions, confirm, report};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::session::Session;

flags! {
    /// `gantry container prune`
    pub(crate) struct Prune {
        /// Provide filter values (e.g. "until=<timestamp>")
        "filter" => filter: FilterList,
        /// Do not prompt for confirmation
        "force" 'f' => force: bool,
    }
}

impl Command for Prune {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove all stopped containers";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        confirm(
            self.force,
            "WARNING! This will remove all stopped containers.",
        )?;
        let client = session.client().await?;
        let request = client
            .post("/containers/prune")
            .query_opt("filters", conditions(session, &self.filter));
        let gone: ContainersPruneReport = request.send().await?.json().await?;
        let ids = gone.containers_deleted.unwrap_or_default();
        report("Deleted Containers:", &ids, gone.space_reclaimed);
        Ok(())
    }
}
