//! `gantry volume restore`

use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry volume restore`
    pub(crate) struct Restore {}
}

impl Command for Restore {
    const USAGE: &'static str = "VOLUME SNAPSHOT";
    const ABOUT: &'static str = "Give a volume the data that it had when a snapshot was made";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let path = Client::path("/volumes/", &words[0], "/restore");
        let request = client.post(path).query("snapshot", &words[1]);
        request.send().await?.finish().await;
        output::line(&words[0]);
        Ok(())
    }
}
