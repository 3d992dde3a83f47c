//! `gantry context export`

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::os::unix::fs::OpenOptionsExt as _;

use crate::command::{Arity, Command};
use crate::contexts::{check_name, pack};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry context export`
    pub(crate) struct Export {}
}

impl Command for Export {
    const USAGE: &'static str = "[OPTIONS] CONTEXT [FILE|-]";
    const ABOUT: &'static str = "Export a context to a tar archive FILE or a tar stream on STDOUT.";
    const WORDS: Arity = Arity::Between(1, 2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let name = &words[0];
        check_name(name)?;
        let store = session.contexts();
        let context = store.get(name)?;
        let usual = format!("{name}.dockercontext");
        let to = words.get(1).map_or(usual.as_str(), String::as_str);
        if to == "-" {
            let out = std::io::stdout();
            if out.is_terminal() {
                return Err(Failure::new(
                    "cowardly refusing to export to a terminal, specify a file path",
                ));
            }
            return pack(&store, &context, out);
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(|e| Failure::new(format!("open {to}: {e}")))?;
        pack(&store, &context, file)?;
        eprintln!("Written file \"{to}\"");
        Ok(())
    }
}
