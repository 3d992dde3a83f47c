//! `gantry context import`

use std::fs::File;

use crate::command::{Arity, Command};
use crate::contexts::{check_name, unpack};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry context import`
    pub(crate) struct Import {}
}

impl Command for Import {
    const USAGE: &'static str = "CONTEXT FILE|-";
    const ABOUT: &'static str = "Import a context from a tar or zip file";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let (name, from) = (&words[0], &words[1]);
        check_name(name)?;
        let store = session.contexts();
        if store.has(name) {
            return Err(Failure::new(format!("context \"{name}\" already exists")));
        }
        let (context, files) = if from == "-" {
            unpack(name, std::io::stdin())?
        } else {
            let file = File::open(from).map_err(|e| Failure::new(format!("open {from}: {e}")))?;
            unpack(name, file)?
        };
        store.put(&context)?;
        store.put_tls(name, &files)?;
        output::line(name);
        eprintln!("Successfully imported context \"{name}\"");
        Ok(())
    }
}
