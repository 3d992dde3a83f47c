//! `gantry context use`

use crate::command::{Arity, Command};
use crate::contexts::{Current, DEFAULT};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry context use`
    pub(crate) struct Use {}
}

impl Command for Use {
    const USAGE: &'static str = "CONTEXT";
    const ABOUT: &'static str = "Set the current docker context";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let name = words[0].as_str();
        if name == DEFAULT {
            session.config().set_current_context(None)?;
        } else {
            session.contexts().get(name)?;
            session.config().set_current_context(Some(name))?;
        }
        output::line(name);
        let variable = Current::of(&session.globals, session.config())?.overriding_variable();
        match variable {
            Some(variable) if name != DEFAULT => eprintln!(
                "Warning: {variable} environment variable overrides the active context. To use \"{name}\", either set the global --context flag, or unset {variable} environment variable."
            ),
            _ => {}
        }
        eprintln!("Current context is now \"{name}\"");
        Ok(())
    }
}
