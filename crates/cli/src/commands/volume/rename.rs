//! `gantry volume rename`

use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry volume rename`
    pub(crate) struct Rename {}
}

impl Command for Rename {
    const USAGE: &'static str = "VOLUME NEW_NAME";
    const ABOUT: &'static str = "Rename a volume that no container uses";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let path = Client::path("/volumes/", &words[0], "/rename");
        let request = client.post(path).query("name", &words[1]);
        request.send().await?.finish().await;
        Ok(())
    }
}
