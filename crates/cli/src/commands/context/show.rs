//! `gantry context show`

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry context show`
    pub(crate) struct Show {}
}

impl Command for Show {
    const USAGE: &'static str = "";
    const ABOUT: &'static str = "Print the name of the current context";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        output::line(session.current()?.name());
        Ok(())
    }
}
