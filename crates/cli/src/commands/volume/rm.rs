//! `gantry volume rm`

use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry volume rm`
    pub(crate) struct Remove {
        /// Force the removal of one or more volumes
        "force" 'f' => force: bool,
    }
}

impl Command for Remove {
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const ABOUT: &'static str = "Remove one or more volumes";
    const LONG: &'static str =
        "Remove one or more volumes. You cannot remove a volume that is in use by a container.";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let mut failures = Vec::new();
        for name in &names {
            let request = client
                .delete(Client::path("/volumes/", name, ""))
                .flag("force", self.force);
            match request.send().await {
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
