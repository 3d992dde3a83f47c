//! `gantry rename`

use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry rename`
    pub(crate) struct Rename {}
}

impl Command for Rename {
    const USAGE: &'static str = "CONTAINER NEW_NAME";
    const ABOUT: &'static str = "Rename a container";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let (old, new) = (words[0].trim(), words[1].trim());
        if old.is_empty() || new.is_empty() {
            return Err(Failure::new(
                "Error: Neither old nor new names may be empty",
            ));
        }
        let client = session.client().await?;
        let path = Client::path("/containers/", old, "/rename");
        match client.post(path).query("name", new).send().await {
            Ok(response) => response.finish().await,
            Err(error) => {
                return Err(Failure::new(format!(
                    "{error}\nError: failed to rename container named {old}"
                )));
            }
        }
        Ok(())
    }
}
