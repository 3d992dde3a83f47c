//! `gantry network rm`

use gantry_client::{Client, Kind};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry network rm`
    pub(crate) struct Remove {
        /// Do not error if the network does not exist
        "force" 'f' => force: bool,
    }
}

impl Command for Remove {
    const USAGE: &'static str = "NETWORK [NETWORK...]";
    const ABOUT: &'static str = "Remove one or more networks";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let mut failures = Vec::new();
        for name in &names {
            match client
                .delete(Client::path("/networks/", name, ""))
                .send()
                .await
            {
                Ok(response) => {
                    response.finish().await;
                    output::line(name);
                }
                Err(error) if self.force && error.kind() == Kind::NotFound => {}
                Err(error) => failures.push(Failure::from(error)),
            }
        }
        Failure::join(failures)
    }
}
