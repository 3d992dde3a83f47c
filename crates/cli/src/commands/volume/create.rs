//! `gantry volume create`

use gantry_api_types::{Volume, VolumeCreateRequest};

use super::cluster::ClusterFlags;
use crate::command::{Arity, Command};
use crate::create::{Labels, pairs};
use crate::failure::Failure;
use crate::flags::{Map, flags};
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry volume create`
    pub(crate) struct Create {
        /// Specify volume driver name
        "driver" 'd' => driver: String = "local".to_owned(); "\"local\"",
        /// Set metadata for a volume
        "label" => label: Labels,
        /// Set driver specific options
        "opt" 'o' => opt: Map; "map[]",
        + cluster: ClusterFlags,
    }
}

impl Command for Create {
    const USAGE: &'static str = "[OPTIONS] [VOLUME]";
    const ABOUT: &'static str = "Create a volume";
    const WORDS: Arity = Arity::AtMost(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let labels: Vec<String> = self.label.iter().map(ToString::to_string).collect();
        let body = VolumeCreateRequest {
            driver: self.driver,
            driver_opts: pairs(&self.opt),
            labels: pairs(&labels),
            name: words.into_iter().next().unwrap_or_default(),
            cluster_volume_spec: self.cluster.spec(),
        };
        let client = session.client().await?;
        let volume: Volume = client
            .post("/volumes/create")
            .json(&body)
            .send()
            .await?
            .json()
            .await?;
        output::line(volume.name);
        Ok(())
    }
}
