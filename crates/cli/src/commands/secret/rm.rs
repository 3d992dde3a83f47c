//! `gantry secret rm`

use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry secret rm`
    pub(crate) struct Remove {}
}

impl Command for Remove {
    const USAGE: &'static str = "SECRET [SECRET...]";
    const ABOUT: &'static str = "Remove one or more secrets";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let mut failures = Vec::new();
        for name in &names {
            match client
                .delete(Client::path("/secrets/", name, ""))
                .send()
                .await
            {
                Ok(response) => {
                    response.finish().await;
                    output::line(name);
                }
                Err(error) => failures.push(Failure::from(error)),
            }
        }
        Failure::join(failures)
    }
}
