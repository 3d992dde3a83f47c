//! `gantry context update`

use super::{Described, long};
use crate::command::{Arity, Command};
use crate::contexts::check_name;
use crate::failure::Failure;
use crate::flags::{StringMap, flags};
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry context update`
    pub(crate) struct Update {
        /// Description of the context
        "description" => description: Option<String>,
        /// set the docker endpoint
        "docker" => docker: StringMap; "[]",
    }
}

impl Command for Update {
    const USAGE: &'static str = "[OPTIONS] CONTEXT";
    const ABOUT: &'static str = "Update a context";
    const LONG: &'static str = long!("Update a context", "update");
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let name = &words[0];
        check_name(name)?;
        let store = session.contexts();
        let mut context = store.get(name)?;
        if let Some(text) = &self.description {
            context.describe(text);
        }
        if !self.docker.is_empty() {
            let described = Described::parse(&self.docker.join(","))?;
            let files = described.apply(&store, &mut context, store.tls_files(name))?;
            store.put_tls(name, &files)?;
        }
        store.put(&context)?;
        output::line(name);
        eprintln!("Successfully updated context \"{name}\"");
        Ok(())
    }
}
