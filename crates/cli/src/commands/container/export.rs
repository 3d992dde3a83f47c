//! `gantry export`

use std::io::{IsTerminal as _, stdout};

use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::commands::to_file::ToFile;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry export`
    pub(crate) struct Export {
        /// Write to a file, instead of STDOUT
        "output" 'o' => output: String,
    }
}

impl Command for Export {
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const ABOUT: &'static str = "Export a container's filesystem as a tar archive";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        if self.output.is_empty() && stdout().is_terminal() {
            return Err(Failure::new(
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        let client = session.client().await?;
        let path = Client::path("/containers/", &words[0], "/export");
        let mut response = client.get(path).send().await?;
        if self.output.is_empty() {
            while let Some(chunk) = response.chunk().await? {
                output::write(&chunk);
            }
            return Ok(());
        }
        ToFile::open(&self.output, "failed to export container")?
            .take(response)
            .await
    }
}
