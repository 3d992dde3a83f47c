//! `gantry top`

use gantry_api_types::TopResponse;
use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;
use crate::table;

flags! {
    /// `gantry top`
    pub(crate) struct Top {}
}

impl Command for Top {
    const USAGE: &'static str = "CONTAINER [ps OPTIONS]";
    const ABOUT: &'static str = "Display the running processes of a container";
    const WORDS: Arity = Arity::AtLeast(1);
    const INTERSPERSED: bool = false;

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let path = Client::path("/containers/", &words[0], "/top");
        let options = Some(words[1..].join(" ")).filter(|options| !options.is_empty());
        let answer: TopResponse = client
            .get(path)
            .query_opt("ps_args", options)
            .send()
            .await?
            .json()
            .await?;
        let rows: Vec<String> = std::iter::once(&answer.titles)
            .chain(&answer.processes)
            .map(|row| row.join("\t"))
            .collect();
        output::print(table::align_wide(&(rows.join("\n") + "\n")));
        Ok(())
    }
}
