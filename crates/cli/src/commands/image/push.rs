//! `gantry push`

use gantry_client::Client;
use gantry_reference::Reference;

use super::history::platform_json;
use crate::command::{Arity, Command};
use crate::environment;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::progress::{self, Target};
use crate::registry_auth;
use crate::session::Session;

flags! {
    /// `gantry push`
    pub(crate) struct Push {
        /// Push all tags of an image to the repository
        "all-tags" 'a' => all_tags: bool,
        /// Skip image signing
        "disable-content-trust" => disable_content_trust: Option<bool>; "true",
        /// Push a platform-specific manifest as a single-platform image to the registry. Image
        /// index won't be pushed, meaning that other manifests, including attestations won't be
        /// preserved. 'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)
        "platform" => platform: Option<String>,
        /// Suppress verbose output
        "quiet" 'q' => quiet: bool,
    }
}

impl Command for Push {
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG]";
    const ABOUT: &'static str = "Upload an image to a registry";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        if environment::wants_content_trust(self.disable_content_trust) {
            return Err(Failure::new("pushing with content trust is not supported"));
        }
        let reference = Reference::parse(&words[0]).map_err(Failure::new)?;
        if self.all_tags && reference.was_tagged() {
            return Err(Failure::new("tag can't be used with --all-tags/-a"));
        }
        if !self.all_tags && !reference.was_tagged() && !self.quiet {
            output::line("Using default tag: latest");
        }
        let tag = match (self.all_tags, reference.digest()) {
            (true, _) => String::new(),
            (false, Some(digest)) => digest.to_string(),
            (false, None) => reference.tag().unwrap_or_default().to_owned(),
        };
        let auth = registry_auth::header(session.config(), &reference).map_err(Failure::new)?;
        let client = session.client().await?;
        let repository = reference.familiar_repository();
        let response = client
            .post(Client::path("/images/", &repository, "/push"))
            .query("tag", tag)
            .query_opt("platform", self.platform.as_deref().map(platform_json))
            .header("x-registry-auth", &auth)
            .send()
            .await?;
        let target = if self.quiet {
            Target::Nowhere
        } else {
            Target::Output
        };
        progress::show(response, target).await?;
        if self.quiet {
            output::line(reference.to_string());
        }
        Ok(())
    }
}
