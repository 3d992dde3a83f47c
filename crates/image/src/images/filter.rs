//! The filters of `images`.

use gantry_reference::{Pattern, Reference};
use jiff::Timestamp;

use super::Images;
use crate::{Error, Image};

/// Which images to list. The default lets all pass.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    references: Vec<Pattern>,
    dangling: Option<bool>,
    labels: Vec<(String, Option<String>)>,
    without_labels: Vec<(String, Option<String>)>,
    /// Also nameless images that others were made from.
    intermediate: bool,
    before: Option<String>,
    since: Option<String>,
    until: Option<Timestamp>,
}

/// The moments that `before` and `since` stand for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    before: Option<Timestamp>,
    since: Option<Timestamp>,
}

impl Filter {
    /// Reads filters as the Engine API gives them: a key and a value, any number of times.
    ///
    /// `until` wants RFC 3339 or Unix seconds.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut filter = Self::default();
        for (key, value) in pairs {
            filter.add(key, value)?;
        }
        Ok(filter)
    }

    fn add(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let wrong = || Error::Filter(format!("{key}={value}"));
        match key {
            "reference" => self
                .references
                .push(Pattern::parse(value).map_err(|_| wrong())?),
            "dangling" => self.dangling = Some(boolean(value).ok_or_else(wrong)?),
            "label" => self.labels.push(label(value)),
            "label!" => self.without_labels.push(label(value)),
            "before" => self.before = Some(value.to_owned()),
            "since" => self.since = Some(value.to_owned()),
            "until" => self.until = Some(moment(value).ok_or_else(wrong)?),
            _ => return Err(Error::Filter(key.to_owned())),
        }
        Ok(())
    }

    /// Also lists nameless images that others were made from.
    #[must_use]
    pub const fn with_intermediate(mut self, yes: bool) -> Self {
        self.intermediate = yes;
        self
    }

    /// Whether an image that others were made from is hidden.
    pub(crate) fn hides(&self, image: &Image, has_children: bool) -> bool {
        !self.intermediate
            && has_children
            && image.repo_tags.is_empty()
            && image.repo_digests.is_empty()
    }

    /// Looks up the images that `before` and `since` name.
    pub(crate) fn limits(&self, images: &Images) -> Result<Limits, Error> {
        let created = |name: &Option<String>| {
            name.as_deref()
                .map(|name| images.resolve(name).map(|image| image.created))
                .transpose()
        };
        Ok(Limits {
            before: created(&self.before)?,
            since: created(&self.since)?,
        })
    }

    /// The image, with the names that fit, if it passes.
    pub(crate) fn pass(&self, mut image: Image, limits: Limits) -> Option<Image> {
        let passes = self
            .dangling
            .is_none_or(|wanted| image.is_dangling() == wanted)
            && limits.before.is_none_or(|limit| image.created < limit)
            && limits.since.is_none_or(|limit| image.created > limit)
            && self.until.is_none_or(|limit| image.created < limit)
            && self.labels.iter().all(|label| has_label(&image, label))
            && !self
                .without_labels
                .iter()
                .any(|label| has_label(&image, label));
        if !passes {
            return None;
        }
        if !self.references.is_empty() {
            let fits = |name: &Reference| self.references.iter().any(|p| p.matches(name));
            image.repo_tags.retain(fits);
            image.repo_digests.retain(fits);
            if image.repo_tags.is_empty() && image.repo_digests.is_empty() {
                return None;
            }
        }
        Some(image)
    }
}

fn label(text: &str) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}

fn has_label(image: &Image, (name, value): &(String, Option<String>)) -> bool {
    let found = image.config.config.labels.get(name);
    found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
}

/// The spellings that Go's ParseBool takes.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let seconds = || text.split('.').next()?.parse().ok();
    text.parse()
        .ok()
        .or_else(|| Timestamp::from_second(seconds()?).ok())
}
