//! `gantry rm`

use futures_util::StreamExt as _;
use gantry_client::{Client, Error, Kind};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry rm`
    pub(crate) struct Remove {
        /// Force the removal of a running container (uses SIGKILL)
        "force" 'f' => force: bool,
        /// Remove the specified link
        "link" 'l' => link: bool,
        /// Remove anonymous volumes associated with the container
        "volumes" 'v' => volumes: bool,
    }
}

impl Command for Remove {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Remove one or more containers";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = &session.client().await?;
        let mut results = futures_util::stream::iter(&names)
            .map(|name| self.remove(client, name))
            .buffered(50);
        let mut failures = Vec::new();
        for name in &names {
            match results.next().await {
                // Forced, a container that is not there is as good as removed.
                Some(Err(error)) if self.force && error.kind() == Kind::NotFound => {
                    eprintln!("{error}");
                }
                Some(Err(error)) => failures.push(Failure::from(error)),
                _ => output::line(name),
            }
        }
        Failure::join(failures)
    }
}

impl Remove {
    async fn remove(&self, client: &Client, name: &str) -> Result<(), Error> {
        let request = client
            .delete(Client::path("/containers/", name.trim_matches('/'), ""))
            .flag("force", self.force)
            .flag("link", self.link)
            .flag("v", self.volumes);
        request.send().await?.finish().await;
        Ok(())
    }
}
