//! `gantry kill`

use gantry_client::Client;

use super::each::each;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry kill`
    pub(crate) struct Kill {
        /// Signal to send to the container
        "signal" 's' => signal: Option<String>,
    }
}

impl Command for Kill {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Kill one or more running containers";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = &session.client().await?;
        let signal = &self.signal;
        each(&names, async |name| {
            let path = Client::path("/containers/", name, "/kill");
            client
                .post(path)
                .query_opt("signal", signal.as_ref())
                .send()
                .await?
                .finish()
                .await;
            Ok(())
        })
        .await
    }
}
