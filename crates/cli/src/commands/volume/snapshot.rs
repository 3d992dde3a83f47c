//! `gantry volume snapshot`

use gantry_api_types::{Volume, VolumeCreateRequest, VolumeListing};
use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::create::{Labels, pairs};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry volume snapshot`
    pub(crate) struct Snapshot {
        /// Set metadata for the snapshot
        "label" => label: Labels,
        /// List the volume's snapshots instead of making one
        "list" 'l' => list: bool,
    }
}

impl Command for Snapshot {
    const USAGE: &'static str = "[OPTIONS] VOLUME [SNAPSHOT]";
    const ABOUT: &'static str = "Keep a copy of a volume's data that does not change";
    const WORDS: Arity = Arity::Between(1, 2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let path = Client::path("/volumes/", &words[0], "/snapshots");
        if self.list {
            if words.len() > 1 {
                return Err(Failure::new("--list takes no name of a snapshot"));
            }
            let mut listing: VolumeListing = client.get(path).send().await?.json().await?;
            listing
                .volumes
                .sort_by(|a, b| a.created_at.cmp(&b.created_at));
            for snapshot in listing.volumes {
                output::line(snapshot.name);
            }
            return Ok(());
        }
        let labels: Vec<String> = self.label.iter().map(ToString::to_string).collect();
        let body = VolumeCreateRequest {
            name: words.get(1).cloned().unwrap_or_default(),
            labels: pairs(&labels),
            ..VolumeCreateRequest::default()
        };
        let volume: Volume = client.post(path).json(&body).send().await?.json().await?;
        output::line(volume.name);
        Ok(())
    }
}
