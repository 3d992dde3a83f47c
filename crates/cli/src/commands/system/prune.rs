//! `gantry system prune`

use gantry_api_types::{
    BuildPruneReport, ContainersPruneReport, ImagesPruneReport, NetworksPruneReport,
    VolumesPruneReport,
};
use gantry_client::{ApiVersion, Client, Error};
use gantry_units::human_size;
use serde::de::DeserializeOwned;

use crate::command::{Arity, Command};
use crate::commands::prune::{conditions, confirm};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
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

/// Where the cache of builds is pruned.
const BUILDS: &str = "/build/prune";

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
        let work = Work {
            options: &self,
            session,
            client: &client,
        };
        let reclaimed = work.run().await?;
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
        lines.push(if self.all {
            "  - all build cache"
        } else {
            "  - unused build cache"
        });
        let mut text = format!("{}\n", lines.join("\n"));
        if !self.filter.is_empty() {
            let given: Vec<String> = self.filter.iter().map(|f| format!("\n  - {f}")).collect();
            text.push_str("\n  Items to be pruned will be filtered with:");
            text.push_str(&given.concat());
            text.push('\n');
        }
        text
    }
}

/// A prune under way.
struct Work<'a> {
    options: &'a Prune,
    session: &'a Session,
    client: &'a Client,
}

impl Work<'_> {
    /// Prunes one kind of objects after the other, in Docker's order; gives the bytes that became free.
    async fn run(&self) -> Result<u64, Failure> {
        let mut reclaimed = self.containers().await?;
        self.networks().await?;
        if self.options.volumes {
            reclaimed += self.volumes().await?;
        }
        reclaimed += self.images().await?;
        // Engines of API 1.30 and before have no such cache.
        if ApiVersion::parse("1.31").is_some_and(|first| self.client.version() >= first) {
            reclaimed += self.build_cache().await?;
        }
        Ok(reclaimed)
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, given: &[String]) -> Result<T, Error> {
        let request = self
            .client
            .post(path)
            .query_opt("filters", conditions(self.session, given))
            // For images that is a filter.
            .flag("all", self.options.all && path == BUILDS);
        request.send().await?.json().await
    }

    async fn containers(&self) -> Result<u64, Failure> {
        let given = &self.options.filter;
        let gone: ContainersPruneReport = self.ask("/containers/prune", given).await?;
        list(
            "Deleted Containers:",
            &gone.containers_deleted.unwrap_or_default(),
        );
        Ok(gone.space_reclaimed)
    }

    async fn networks(&self) -> Result<(), Failure> {
        let given = &self.options.filter;
        let gone: NetworksPruneReport = self.ask("/networks/prune", given).await?;
        list(
            "Deleted Networks:",
            &gone.networks_deleted.unwrap_or_default(),
        );
        Ok(())
    }

    async fn volumes(&self) -> Result<u64, Failure> {
        let given = &self.options.filter;
        let gone: VolumesPruneReport = self.ask("/volumes/prune", given).await?;
        list(
            "Deleted Volumes:",
            &gone.volumes_deleted.unwrap_or_default(),
        );
        Ok(gone.space_reclaimed)
    }

    async fn images(&self) -> Result<u64, Failure> {
        let mut given = self.options.filter.to_vec();
        given.push(format!("dangling={}", !self.options.all));
        let gone: ImagesPruneReport = self.ask("/images/prune", &given).await?;
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

    async fn build_cache(&self) -> Result<u64, Failure> {
        let gone: BuildPruneReport = self.ask(BUILDS, &self.options.filter).await?;
        list(
            "Deleted build cache objects:",
            &gone.caches_deleted.unwrap_or_default(),
        );
        Ok(gone.space_reclaimed)
    }
}

fn list(title: &str, gone: &[String]) {
    if !gone.is_empty() {
        output::print(format!("{title}\n{}\n\n", gone.join("\n")));
    }
}
