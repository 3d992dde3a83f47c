//! `gantry logout`

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::registry_auth::{self, server_name};
use crate::session::Session;

flags! {
    /// `gantry logout`
    pub(crate) struct Logout {}
}

impl Command for Logout {
    const USAGE: &'static str = "[SERVER]";
    const ABOUT: &'static str = "Log out from a registry";
    const LONG: &'static str = "Log out from a registry.
If no server is specified, the default is defined by the daemon.";
    const WORDS: Arity = Arity::AtMost(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let server = server_name(words.first().map_or("", String::as_str));
        output::line(format!("Removing login credentials for {server}"));
        registry_auth::forget(session.config(), &server).map_err(|reason| {
            Failure::new(format!(
                "WARNING: could not erase credentials:\n{server}: {reason}"
            ))
        })
    }
}
