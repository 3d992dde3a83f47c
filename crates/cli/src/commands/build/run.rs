//! `gantry build`

use crate::build::flags::BuildFlags;
use crate::build::run;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::session::Session;

/// `gantry build`
pub(crate) type Build = BuildFlags;

impl Command for Build {
    const USAGE: &'static str = "[OPTIONS] PATH | URL | -";
    const ABOUT: &'static str = "Start a build";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        Box::pin(run::build(session, self, &words[0])).await
    }
}
