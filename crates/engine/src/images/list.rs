//! `images` and `history`.

use gantry_api_types::{Filters, HistoryItem, ImageSummary};
use gantry_image::{Filter, Image};
use gantry_reference::Reference;
use gantry_units::GoDuration;

use super::Images;
use crate::{Error, clock};

impl Images {
    /// Lists images, the newest first.
    ///
    /// With `all` also nameless ones that others were made from; with `shared` it is counted what
    /// they have in common.
    pub fn list(
        &self,
        filters: &Filters,
        all: bool,
        shared: bool,
    ) -> Result<Vec<ImageSummary>, Error> {
        const KNOWN: [&str; 7] = [
            "before",
            "dangling",
            "label",
            "label!",
            "reference",
            "since",
            "until",
        ];
        let invalid = |error: gantry_api_types::FilterError| Error::Invalid(error.to_string());
        filters.accept(&KNOWN).map_err(invalid)?;
        let images = self.store.list(&filter(filters)?.with_intermediate(all))?;
        let usage = shared.then(|| self.store.usage()).transpose()?;
        let summary = |image: &Image| ImageSummary {
            shared_size: usage
                .as_ref()
                .map_or(-1, |usage| usage.shared_by(&image.id) as i64),
            ..summary(image)
        };
        Ok(images.iter().map(summary).collect())
    }

    /// How an image came about, the newest step first.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryItem>, Error> {
        let entries = self.store.history(name)?.into_iter();
        let item = |entry: gantry_image::HistoryEntry| HistoryItem {
            comment: entry.comment,
            created: entry.created.as_second(),
            created_by: entry.created_by,
            id: entry
                .image
                .map_or_else(|| "<missing>".to_owned(), |id| id.to_string()),
            size: entry.size as i64,
            tags: (!entry.tags.is_empty()).then(|| familiar(&entry.tags)),
        };
        Ok(entries.map(item).collect())
    }
}

/// The API's filters in the store's terms.
pub(super) fn filter(filters: &Filters) -> Result<Filter, Error> {
    let pairs = filters.names().flat_map(|name| {
        filters
            .values(name)
            .map(move |value| (name, value.to_owned()))
    });
    let pairs: Vec<(&str, String)> = pairs
        .map(|(name, value)| match name {
            // Durations count back from now.
            "until" => (name, moment(&value).unwrap_or(value)),
            _ => (name, value),
        })
        .collect();
    Ok(Filter::parse(
        pairs.iter().map(|(name, value)| (*name, value.as_str())),
    )?)
}

fn summary(image: &Image) -> ImageSummary {
    let labels = &image.config.config.labels;
    ImageSummary {
        containers: -1,
        created: image.created.as_second(),
        id: image.id.to_string(),
        labels: (!labels.is_empty()).then(|| labels.clone()),
        repo_digests: Some(familiar(&image.repo_digests)),
        repo_tags: Some(familiar(&image.repo_tags)),
        parent_id: image
            .parent
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        shared_size: -1,
        size: image.size as i64,
        ..ImageSummary::default()
    }
}

/// A Go duration back from now, as Unix seconds.
fn moment(text: &str) -> Option<String> {
    let back: GoDuration = text.parse().ok()?;
    Some((clock::now_nanos().saturating_sub(back.nanos()) / 1_000_000_000).to_string())
}

pub(super) fn familiar(names: &[Reference]) -> Vec<String> {
    names.iter().map(Reference::familiar).collect()
}
