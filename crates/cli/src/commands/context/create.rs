//! `gantry context create`

use super::{Described, long};
use crate::command::{Arity, Command};
use crate::contexts::{Context, check_name};
use crate::failure::Failure;
use crate::flags::{StringMap, flags};
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry context create`
    pub(crate) struct Create {
        /// Description of the context
        "description" => description: String,
        /// set the docker endpoint
        "docker" => docker: StringMap; "[]",
        /// create context from a named context
        "from" => from: String,
    }
}

impl Command for Create {
    const USAGE: &'static str = "[OPTIONS] CONTEXT";
    const ABOUT: &'static str = "Create a context";
    const LONG: &'static str = long!("Create a context", "create");
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let name = &words[0];
        check_name(name)?;
        let store = session.contexts();
        if store.has(name) {
            return Err(Failure::new(format!("context \"{name}\" already exists")));
        }
        let mut context = Context::new(name);
        let mut described = Described::parse(&self.docker.join(","))?;
        if !self.from.is_empty() {
            let other = store.get(&self.from)?;
            context.describe(other.description());
            described.from = described.from.or(Some(self.from));
        }
        if !self.description.is_empty() {
            context.describe(&self.description);
        }
        let files = described.apply(&store, &mut context, Vec::new())?;
        store.put(&context)?;
        store.put_tls(name, &files)?;
        output::line(name);
        eprintln!("Successfully created context \"{name}\"");
        Ok(())
    }
}
