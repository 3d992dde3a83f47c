//! `gantry tag`

use gantry_client::Client;
use gantry_reference::Reference;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry tag`
    pub(crate) struct Tag {}
}

impl Command for Tag {
    const USAGE: &'static str = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]";
    const ABOUT: &'static str = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let target = Reference::parse(&words[1]).map_err(|error| {
            Failure::new(format!(
                "Error parsing reference: \"{}\" is not a valid repository/tag: {error}",
                words[1]
            ))
        })?;
        if target.digest().is_some() {
            return Err(Failure::new(
                "refusing to create a tag with a digest reference",
            ));
        }
        let client = session.client().await?;
        let request = client
            .post(Client::path("/images/", &words[0], "/tag"))
            .query("repo", target.familiar_repository())
            .query_opt("tag", target.tag());
        request.send().await?.finish().await;
        Ok(())
    }
}
