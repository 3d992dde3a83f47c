//! `gantry builder prune`, `gantry buildx prune`

use gantry_api_types::BuildPruneReport;
use gantry_build_client::proto::moby::buildkit::v1::{PruneRequest, UsageRecord};
use gantry_build_client::{Builder, Kind};
use gantry_units::{GoDuration, human_size};

use super::du::{HEADING, described, filters, row};
use super::{failure, known};
use crate::command::{Arity, Command};
use crate::commands::prune::{confirm, report};
use crate::failure::Failure;
use crate::flags::{Bytes, FilterList, flags};
use crate::format::filters as api_filters;
use crate::output;
use crate::session::Session;
use crate::table;

flags! {
    /// `gantry builder prune`
    pub(crate) struct Prune {
        /// Include internal/frontend images
        "all" 'a' => all: bool,
        /// Override the configured builder instance
        "builder" => builder: String,
        /// Provide filter values (e.g., "until=24h")
        "filter" => filter: FilterList,
        /// Do not prompt for confirmation
        "force" 'f' => force: bool,
        /// Maximum amount of disk space allowed to be used by the build cache
        "max-used-space" => max_used_space: Bytes,
        /// Target amount of free disk space after pruning
        "min-free-space" => min_free_space: Bytes,
        /// Amount of disk space always allowed to keep for the build cache
        "reserved-space" | "keep-storage" => reserved_space: Bytes,
        /// Provide a more verbose output
        "verbose" => verbose: bool,
    }
}

impl Command for Prune {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove build cache";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        let request = self.request()?;
        let question = if self.all {
            "WARNING! This will remove all build cache."
        } else {
            "WARNING! This will remove all dangling build cache."
        };
        confirm(self.force, question)?;
        let client = session.client().await?;
        let builder = match Builder::connect(&client).await {
            Ok(builder) => builder,
            Err(error) if error.kind() == Kind::NoBuildKit => return self.classic(&client).await,
            Err(error) => return Err(failure(&error)),
        };
        let (mut rows, mut total) = (String::new(), 0);
        let mut removed = |record: UsageRecord| {
            total += record.size;
            rows.push_str(&if self.verbose {
                described(&record)
            } else {
                row(&record)
            });
        };
        builder
            .prune(request, &mut removed)
            .await
            .map_err(|error| failure(&error))?;
        if self.verbose {
            output::print(rows);
        } else if !rows.is_empty() {
            output::print(table::align(&format!("{HEADING}{rows}")));
        }
        output::line(format!("Total:\t{}", human_size(total as f64)));
        Ok(())
    }
}

impl Prune {
    /// `POST /build/prune`, for engines that have nothing newer.
    async fn classic(&self, client: &gantry_client::Client) -> Result<(), Failure> {
        let bytes = |size: &Bytes| (size.0 != 0).then(|| size.0.to_string());
        let request = client
            .post("/build/prune")
            .query_opt("all", self.all.then_some("1"))
            .query_opt("reserved-space", bytes(&self.reserved_space))
            .query_opt("max-used-space", bytes(&self.max_used_space))
            .query_opt("min-free-space", bytes(&self.min_free_space))
            .query_opt("filters", api_filters(&self.filter.to_vec()));
        let gone: BuildPruneReport = request.send().await?.json().await?;
        let deleted = gone.caches_deleted.unwrap_or_default();
        report(
            "Deleted build cache objects:",
            &deleted,
            gone.space_reclaimed,
        );
        Ok(())
    }

    fn request(&self) -> Result<PruneRequest, Failure> {
        let mut keep_duration = 0;
        let mut rest = Vec::new();
        for filter in self.filter.iter() {
            match filter.split_once('=') {
                Some(("until" | "unused-for", age)) => {
                    let age: GoDuration = age.parse().map_err(|error| {
                        Failure::new(format!("ERROR: expected duration for {filter}: {error}"))
                    })?;
                    keep_duration = age.nanos();
                }
                _ => rest.push(filter.clone()),
            }
        }
        Ok(PruneRequest {
            filter: filters(&rest),
            all: self.all,
            keep_duration,
            reserved_space: self.reserved_space.0,
            max_used_space: self.max_used_space.0,
            min_free_space: self.min_free_space.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::parse;

    #[test]
    fn ages_and_sizes_are_told_apart_from_conditions() {
        let line = "--all --filter until=2h --filter type=regular --keep-storage 1k";
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let request = parse::<Prune>(&words, true)
            .unwrap()
            .flags
            .request()
            .unwrap();
        assert_eq!(request.keep_duration, 7_200_000_000_000);
        assert_eq!(request.filter, ["type==regular"]);
        assert!(request.all && request.reserved_space == 1024);
    }
}
