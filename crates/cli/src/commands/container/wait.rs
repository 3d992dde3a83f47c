//! `gantry wait`

use gantry_api_types::WaitResponse;
use gantry_client::{Client, Error};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry wait`
    pub(crate) struct Wait {}
}

impl Command for Wait {
    const USAGE: &'static str = "CONTAINER [CONTAINER...]";
    const ABOUT: &'static str =
        "Block until one or more containers stop, then print their exit codes";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let mut failures = Vec::new();
        for name in &names {
            match wait(&client, name).await {
                Ok(answer) => match answer.error {
                    Some(error) => failures.push(Failure::new(error.message)),
                    None => output::line(answer.status_code.to_string()),
                },
                Err(error) => failures.push(Failure::from(error)),
            }
        }
        Failure::join(failures)
    }
}

async fn wait(client: &Client, name: &str) -> Result<WaitResponse, Error> {
    client
        .post(Client::path("/containers/", name, "/wait"))
        .send()
        .await?
        .json()
        .await
}
