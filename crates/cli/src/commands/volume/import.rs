//! `gantry volume import`

use gantry_api_types::Volume;
use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;
use crate::upload::{chunks, input};

flags! {
    /// `gantry volume import`
    pub(crate) struct Import {
        /// Read from a tar archive file, instead of STDIN
        "input" 'i' => input: String,
    }
}

impl Command for Import {
    const USAGE: &'static str = "[OPTIONS] VOLUME";
    const ABOUT: &'static str = "Create a volume with the data of a tar archive";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let input = input(
            &self.input,
            "requested import from stdin, but stdin is a terminal",
        )?;
        let client = session.client().await?;
        let path = Client::path("/volumes/", &words[0], "/import");
        let request = client.post(path);
        let request = request.stream("application/x-tar", chunks(input)?);
        let volume: Volume = request.send().await?.json().await?;
        output::line(volume.name);
        Ok(())
    }
}
