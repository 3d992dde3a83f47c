//! `gantry restart`

use gantry_client::Client;

use super::each::each;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry restart`
    pub(crate) struct Restart {
        /// Signal to send to the container
        "signal" 's' => signal: Option<String>,
        /// Seconds to wait before killing the container
        "timeout" 't' | "time" => timeout: Option<i64>,
    }
}

impl Command for Restart {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Restart one or more containers";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = &session.client().await?;
        let (signal, timeout) = (&self.signal, self.timeout);
        each(&names, async |name| {
            let request = client
                .post(Client::path("/containers/", name, "/restart"))
                .query_opt("signal", signal.as_ref())
                .query_opt("t", timeout.map(|seconds| seconds.to_string()));
            request.send().await?.finish().await;
            Ok(())
        })
        .await
    }
}
