//! `gantry volume clone`

use gantry_api_types::{Volume, VolumeCreateRequest};
use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::create::{Labels, pairs};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry volume clone`
    pub(crate) struct Clone {
        /// Set metadata for the new volume
        "label" => label: Labels,
    }
}

impl Command for Clone {
    const USAGE: &'static str = "[OPTIONS] VOLUME NEW_VOLUME";
    const ABOUT: &'static str = "Create a volume with a copy of another one's data";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let labels: Vec<String> = self.label.iter().map(ToString::to_string).collect();
        let body = VolumeCreateRequest {
            name: words[1].clone(),
            labels: pairs(&labels),
            ..VolumeCreateRequest::default()
        };
        let client = session.client().await?;
        let path = Client::path("/volumes/", &words[0], "/clone");
        let volume: Volume = client.post(path).json(&body).send().await?.json().await?;
        output::line(volume.name);
        Ok(())
    }
}
