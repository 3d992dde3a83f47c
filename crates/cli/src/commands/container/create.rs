//! `gantry create`

use super::creation::{CreateFlags, Creation, Pull, prepared, with_help};
use crate::command::{Arity, Command};
use crate::create::ContainerFlags;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry create`
    pub(crate) struct Create {
        /// Pull image before creating ("always", "|missing", "never")
        "pull" => pull: String = "missing".to_owned(); "\"missing\"",
        + create: CreateFlags,
        + container: ContainerFlags,
    }
}

impl Command for Create {
    const USAGE: &'static str = "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    const ABOUT: &'static str = "Create a new container";
    const WORDS: Arity = Arity::AtLeast(1);
    const INTERSPERSED: bool = false;

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let refuse = |reason: String| with_help(session, 125, &reason);
        let pull = Pull::parse(&self.pull).map_err(refuse)?;
        let endpoint = session.endpoint()?;
        let request = prepared(session, &self.container, &words, &endpoint).map_err(refuse)?;
        let creation = Creation::new(session, &self.create, pull, request)?;
        let client = session.client().await?;
        output::line(creation.run(&client).await?);
        Ok(())
    }
}
