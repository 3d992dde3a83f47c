//! `gantry diff`

use gantry_api_types::FilesystemChange;
use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry diff`
    pub(crate) struct Diff {}
}

impl Command for Diff {
    const USAGE: &'static str = "CONTAINER";
    const ABOUT: &'static str =
        "Inspect changes to files or directories on a container's filesystem";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let path = Client::path("/containers/", &words[0], "/changes");
        let changes: Option<Vec<FilesystemChange>> = client.get(path).send().await?.json().await?;
        for change in changes.unwrap_or_default() {
            let letter = match change.kind {
                0 => 'C',
                1 => 'A',
                _ => 'D',
            };
            output::line(format!("{letter} {}", change.path));
        }
        Ok(())
    }
}
