//! `gantry pull`

use gantry_reference::Reference;

use crate::command::{Arity, Command};
use crate::commands::container::{pull_all_tags, pull_image};
use crate::environment;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::progress::Target;
use crate::session::Session;

flags! {
    /// `gantry pull`
    pub(crate) struct Pull {
        /// Download all tagged images in the repository
        "all-tags" 'a' => all_tags: bool,
        /// Skip image verification
        "disable-content-trust" => disable_content_trust: Option<bool>; "true",
        /// Set platform if server is multi-platform capable
        "platform" => platform: Option<String>,
        /// Suppress verbose output
        "quiet" 'q' => quiet: bool,
    }
}

impl Command for Pull {
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG|@DIGEST]";
    const ABOUT: &'static str = "Download an image from a registry";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        if environment::wants_content_trust(self.disable_content_trust) {
            return Err(Failure::new("pulling with content trust is not supported"));
        }
        let reference = Reference::parse(&words[0]).map_err(Failure::new)?;
        if self.all_tags && reference.was_tagged() {
            return Err(Failure::new("tag can't be used with --all-tags/-a"));
        }
        if !self.all_tags && !reference.was_tagged() && !self.quiet {
            output::line("Using default tag: latest");
        }
        let client = session.client().await?;
        let target = if self.quiet {
            Target::Nowhere
        } else {
            Target::Output
        };
        let platform = self.platform.or_else(environment::default_platform);
        let platform = platform.as_deref();
        if self.all_tags {
            pull_all_tags(session, &client, &reference, platform, target).await?;
            output::line(reference.repository());
        } else {
            pull_image(session, &client, &reference, platform, target).await?;
            output::line(reference.to_string());
        }
        Ok(())
    }
}
