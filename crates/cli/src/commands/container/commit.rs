//! `gantry commit`

use gantry_api_types::CommitResponse;
use gantry_reference::Reference;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{List, flags};
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry commit`
    pub(crate) struct Commit {
        /// Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")
        "author" 'a' => author: String,
        /// Apply Dockerfile instruction to the created image
        "change" 'c' => change: List,
        /// Commit message
        "message" 'm' => message: String,
        /// Pause container during commit
        "pause" 'p' => pause: bool = true; "true",
    }
}

impl Command for Commit {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]";
    const ABOUT: &'static str = "Create a new image from a container's changes";
    const WORDS: Arity = Arity::Between(1, 2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let (mut repository, mut tag) = (String::new(), String::new());
        if let Some(name) = words.get(1).filter(|name| !name.is_empty()) {
            let reference = Reference::parse(name).map_err(Failure::new)?;
            if reference.digest().is_some() {
                return Err(Failure::new(
                    "refusing to create a tag with a digest reference",
                ));
            }
            repository = reference.familiar_repository();
            reference.tag().unwrap_or_default().clone_into(&mut tag);
        }
        let mut request = session
            .client()
            .await?
            .post("/commit")
            .query("container", &words[0])
            .query("repo", repository)
            .query("tag", tag)
            .query("comment", &self.message)
            .query("author", &self.author)
            .query("pause", if self.pause { "1" } else { "0" });
        for change in self.change.iter() {
            request = request.query("changes", change);
        }
        let made: CommitResponse = request
            .json(&serde_json::json!({}))
            .send()
            .await?
            .json()
            .await?;
        output::line(made.id);
        Ok(())
    }
}
