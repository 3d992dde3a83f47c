//! `gantry pause`

use gantry_client::Client;

use super::each::each;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry pause`
    pub(crate) struct Pause {}
}

impl Command for Pause {
    const USAGE: &'static str = "CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Pause all processes within one or more containers";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = &session.client().await?;
        each(&names, async |name| {
            client
                .post(Client::path("/containers/", name, "/pause"))
                .send()
                .await?
                .finish()
                .await;
            Ok(())
        })
        .await
    }
}
