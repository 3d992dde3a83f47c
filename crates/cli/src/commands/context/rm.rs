//! `gantry context rm`

use crate::command::{Arity, Command};
use crate::contexts::DEFAULT;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry context rm`
    pub(crate) struct Remove {
        /// Force the removal of a context in use
        "force" 'f' => force: bool,
    }
}

impl Command for Remove {
    const USAGE: &'static str = "CONTEXT [CONTEXT...]";
    const ABOUT: &'static str = "Remove one or more contexts";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let store = session.contexts();
        let current = session.current()?.name().to_owned();
        let mut failures = Vec::new();
        for name in &names {
            let removed = if name == DEFAULT {
                Err(Failure::new("context \"default\" cannot be removed"))
            } else if !store.has(name) && !self.force {
                Err(Failure::new(format!("context \"{name}\" does not exist")))
            } else if *name == current && !self.force {
                Err(Failure::new(format!(
                    "context \"{name}\" is in use, set -f flag to force remove"
                )))
            } else {
                store.remove(name)
            };
            match removed {
                Ok(()) => {
                    if *name == current {
                        session.config().set_current_context(None)?;
                    }
                    output::line(name);
                }
                Err(failure) => failures.push(failure),
            }
        }
        Failure::join(failures)
    }
}
