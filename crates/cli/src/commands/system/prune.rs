//! `gantry system prune`

use gantry_api_types::{
    ContainersPruneReport, ImagesPruneReport, NetworksPruneReport, VolumesPruneReport,
};
use gantry_client::{Client, Error};
use gantry_units::human_size;
use serde::de::DeserializeOwned;

use crate::command::{Arity, Command};
use crate::commands::prune::confirm;
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::format::filters;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry system prune`
    pub(crate) struct Prune {
        /// Remove all unused images not just dangling ones
        "all" 'a' => all: bool,
        /// Provide filter values (e.g. "label=<key>=<value>")
        "filter" => filter: FilterList,
        /// Do not prompt for confirmation
        "force" 'f' => force: bool,
        /// Prune anonymous volumes
        "volumes" => volumes: bool,
    }
}

impl Command for Prune {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove unused data";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let has_until = self.filter.iter().any(|filter| filter.starts_with("until"));
        if self.volumes && has_until {
            return Err(Failure::new(
                "ERROR: The \"until\" filter is not supported with \"--volumes\"",
            ));
        }
        confirm(self.force, &self.warning())?;
        let client = session.client().await?;
        let mut reclaimed = self.containers(&client).await?;
        self.networks(&client).await?;
        if self.volumes {
            reclaimed += self.volumes(&client).await?;
        }
        reclaimed += self.images(&client).await?;
        output::line(format!(
            "Total reclaimed space: {}",
            human_size(reclaimed as f64)
        ));
        Ok(())
    }
}

impl Prune {
    fn warning(&self) -> String {
        let mut lines = vec![
            "WARNING! This will remove:",
            "  - all stopped containers",
            "  - all networks not used by at least one container",
        ];
        if self.volumes {
            lines.push("  - all anonymous volumes not used by at least one container");
        }
        lines.push(if self.all {
            "  - all images without at least one container associated to them"
        } else {
            "  - all dangling images"
        });
        lines.push("  - unused build cache");
        let mut text = format!("{}\n", lines.join("\n"));
        if !self.filter.is_empty() {
            let given: Vec<String> = self.filter.iter().map(|f| format!("\n  - {f}")).collect();
            text.push_str("\n  Items to be pruned will be filtered with:");
            text.push_str(&given.concat());
            text.push('\n');
        }
        text
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        client: &Client,
        path: &str,
        conditions: &[String],
    ) -> Result<T, Error> {
        let request = client.post(path).query_opt("filters", filters(conditions));
        request.send().await?.json().await
    }

    async fn containers(&self, client: &Client) -> Result<u64, Failure> {
        let gone: ContainersPruneReport =
            self.ask(client, "/containers/prune", &self.filter).await?;
        list(
            "Deleted Containers:",
            &gone.containers_deleted.unwrap_or_default(),
        );
        Ok(gone.space_reclaimed)
    }

    async fn networks(&self, client: &Client) -> Result<(), Failure> {
        let gone: NetworksPruneReport = self.ask(client, "/networks/prune", &self.filter).await?;
        list(
            "Deleted Networks:",
            &gone.networks_deleted.unwrap_or_default(),
        );
        Ok(())
    }

    async fn volumes(&self, client: &Client) -> Result<u64, Failure> {
        let gone: VolumesPruneReport = self.ask(client, "/volumes/prune", &self.filter).await?;
        list(
            "Deleted Volumes:",
            &gone.volumes_deleted.unwrap_or_default(),
        );
        Ok(gone.space_reclaimed)
    }

    async fn images(&self, client: &Client) -> Result<u64, Failure> {
        let mut conditions = self.filter.to_vec();
        conditions.push(format!("dangling={}", !self.all));
        let gone: ImagesPruneReport = self.ask(client, "/images/prune", &conditions).await?;
        let lines: Vec<String> = gone
            .images_deleted
            .unwrap_or_default()
            .into_iter()
            .map(|item| match item.deleted.as_str() {
                "" => format!("untagged: {}", item.untagged),
                deleted => format!("deleted: {deleted}"),
            })
            .collect();
        list("Deleted Images:", &lines);
        Ok(gone.space_reclaimed)
    }
}

fn list(title: &str, gone: &[String]) {
    if !gone.is_empty() {
        output::print(format!("{title}\n{}\n\n", gone.join("\n")));
    }
}
