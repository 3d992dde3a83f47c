//! `gantry network disconnect`

use gantry_api_types::NetworkDisconnectRequest;
use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry network disconnect`
    pub(crate) struct Disconnect {
        /// Force the container to disconnect from a network
        "force" 'f' => force: bool,
    }
}

impl Command for Disconnect {
    const USAGE: &'static str = "[OPTIONS] NETWORK CONTAINER";
    const ABOUT: &'static str = "Disconnect a container from a network";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let [network, container] = &words[..] else {
            return Ok(());
        };
        let body = NetworkDisconnectRequest {
            container: container.clone(),
            force: self.force,
        };
        let client = session.client().await?;
        let request = client.post(Client::path("/networks/", network, "/disconnect"));
        request.json(&body).send().await?.finish().await;
        Ok(())
    }
}
