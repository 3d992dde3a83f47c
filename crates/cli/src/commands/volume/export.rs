//! `gantry volume export`

use std::fs::File;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::Path;

use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry volume export`
    pub(crate) struct Export {
        /// Write to a file, instead of STDOUT
        "output" 'o' => output: String,
    }
}

impl Command for Export {
    const USAGE: &'static str = "[OPTIONS] VOLUME";
    const ABOUT: &'static str = "Export a volume's data as a tar archive";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        if self.output.is_empty() && stdout().is_terminal() {
            return Err(Failure::new(
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        let client = session.client().await?;
        let path = Client::path("/volumes/", &words[0], "/export");
        let mut response = client.get(path).send().await?;
        if self.output.is_empty() {
            while let Some(chunk) = response.chunk().await? {
                output::write(&chunk);
            }
            return Ok(());
        }
        // Beside it first: a broken archive must not take a good one's place.
        let path = Path::new(&self.output);
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let mut file = File::create(&beside)?;
        let written = async {
            while let Some(chunk) = response.chunk().await? {
                file.write_all(&chunk)?;
            }
            Ok::<_, Failure>(())
        };
        if let Err(e) = written.await {
            let _ = std::fs::remove_file(&beside);
            return Err(e);
        }
        Ok(std::fs::rename(&beside, path)?)
    }
}
