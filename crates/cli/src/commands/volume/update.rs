//! `gantry volume update`: volumes of a swarm.

use gantry_api_types::Volume;
use gantry_client::Client;
use serde_json::{Value, json};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry volume update`
    pub(crate) struct Update {
        /// Cluster Volume availability ("active", "pause", "drain")
        "availability" => availability: Option<String>; "\"active\"",
    }
}

impl Command for Update {
    const USAGE: &'static str = "[OPTIONS] [VOLUME]";
    const ABOUT: &'static str = "Update a volume (cluster volumes only)";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let path = Client::path("/volumes/", &words[0], "");
        let volume: Volume = client.get(path.as_str()).send().await?.json().await?;
        let Some(cluster) = volume.cluster_volume else {
            return Err(Failure::new("can only update cluster volumes"));
        };
        let mut spec: Value = cluster["Spec"].clone();
        if let Some(availability) = self.availability {
            spec["Availability"] = availability.into();
        }
        let version = cluster["Version"]["Index"].as_u64().unwrap_or_default();
        client
            .request(http::Method::PUT, path)
            .query("version", version.to_string())
            .json(&json!({"Spec": spec}))
            .send()
            .await?
            .finish()
            .await;
        Ok(())
    }
}
