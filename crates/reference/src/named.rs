//! References: where an image is, and which one.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Digest;

/// The registry that a name without one means.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// The tag that a name without one means.
pub const DEFAULT_TAG: &str = "latest";

const LEGACY_DEFAULT_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// Why a string is no reference. The wordings are Docker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The string breaks the grammar.
    #[error("invalid reference format")]
    Format,
    /// The repository would be fine in lower case.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// More than 255 characters before the tag.
    #[error("repository name must not be more than 255 characters")]
    TooLong,
    /// Sixty-four hex digits are an id, never a repository.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
    /// What follows `@` names an unknown hash function.
    #[error("unsupported digest algorithm")]
    DigestAlgorithm,
    /// What follows `@` has the wrong number of digits.
    #[error("invalid checksum digest length")]
    DigestLength,
}

/// What a reference asks its repository for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Whatever the tag points at.
    Tag(&'a str),
    /// Exactly these bytes.
    Digest(&'a Digest),
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// A normalised image reference: `domain/path`, and a tag or a digest or both.
///
/// Never without one of the two: [`Reference::parse`] adds `latest` where neither was written, and
/// [`Reference::was_tagged`] tells whether it did. Otherwise that makes no difference: `nginx` and
/// `nginx:latest` are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
    implied: Implied,
}

/// Whether `latest` was added; no part of what a reference is.
#[derive(Debug, Clone, Copy)]
struct Implied(bool);

impl PartialEq for Implied {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Implied {}

impl PartialOrd for Implied {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Implied {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for Implied {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Reference {
    /// Reads what a user typed, by Docker's rules: `nginx` is `docker.io/library/nginx:latest`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() == 64 && crate::digest::is_lower_hex(text) {
            return Err(Error::LooksLikeId(text.to_owned()));
        }
        let (domain, rest) = split_domain(text);
        let (rest, digest) = split_digest(&rest)?;
        let (path, tag) = split_tag(rest)?;
        check_path(path)?;
        if !is_domain(domain) {
            return Err(Error::Format);
        }
        if path.len() > NAME_MAX {
            return Err(Error::TooLong);
        }
        let implied = Implied(tag.is_none() && digest.is_none());
        let tag = tag.or(digest.is_none().then_some(DEFAULT_TAG));
        Ok(Self {
            domain: domain.to_owned(),
            path: path.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
            implied,
        })
    }

    /// The registry's name, with its port if one was given.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository's path on the registry, such as `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given.
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether the user wrote a tag or a digest, rather than having `latest` added.
    pub const fn was_tagged(&self) -> bool {
        !self.implied.0
    }

    /// What to ask the registry for: the digest if there is one, else the tag.
    pub fn target(&self) -> Target<'_> {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Target::Digest(digest),
            (None, tag) => Target::Tag(tag.as_deref().unwrap_or(DEFAULT_TAG)),
        }
    }

    /// `domain/path`, without tag and digest.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The repository as Docker prints it: `nginx`, `user/app`, `localhost:5000/a`.
    pub fn familiar_repository(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.repository();
        }
        match self.path.strip_prefix(OFFICIAL_PREFIX) {
            Some(official) if !official.contains('/') => official.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The whole reference as Docker prints it: `nginx:latest`.
    pub fn familiar(&self) -> String {
        let mut text = self.familiar_repository();
        self.push_suffix(&mut text);
        text
    }

    /// The same repository with this digest and no tag.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self {
            tag: None,
            digest: Some(digest),
            implied: Implied(false),
            ..self.clone()
        }
    }

    /// The same repository with this tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self, Error> {
        if !is_tag(tag) {
            return Err(Error::Format);
        }
        Ok(Self {
            tag: Some(tag.to_owned()),
            digest: None,
            implied: Implied(false),
            ..self.clone()
        })
    }

    fn push_suffix(&self, text: &mut String) {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(digest.as_str());
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.repository();
        self.push_suffix(&mut text);
        f.write_str(&text)
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Takes the registry off the front; the rest gets `library/` where Docker adds it.
///
/// The first component is a registry when it has a dot, a colon or an upper-case letter, or is
/// `localhost`: that is how `localhost/a` and `host/a` are told apart.
fn split_domain(text: &str) -> (&str, String) {
    let (domain, rest) = match text.split_once('/') {
        Some((first, rest)) if looks_like_domain(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, text),
    };
    let domain = if domain == LEGACY_DEFAULT_DOMAIN {
        DEFAULT_DOMAIN
    } else {
        domain
    };
    if domain == DEFAULT_DOMAIN && !rest.contains('/') {
        return (domain, format!("{OFFICIAL_PREFIX}{rest}"));
    }
    (domain, rest.to_owned())
}

fn looks_like_domain(first: &str) -> bool {
    first.contains(['.', ':'])
        || first == "localhost"
        || first.chars().any(|c| c.is_ascii_uppercase())
}

fn split_digest(rest: &str) -> Result<(&str, Option<Digest>), Error> {
    let Some((rest, digest)) = rest.split_once('@') else {
        return Ok((rest, None));
    };
    let digest = Digest::parse(digest).map_err(|error| match error {
        crate::DigestError::Format => Error::Format,
        crate::DigestError::Algorithm => Error::DigestAlgorithm,
        crate::DigestError::Length if has_too_few_digits(digest) => Error::Format,
        crate::DigestError::Length => Error::DigestLength,
    })?;
    Ok((rest, Some(digest)))
}

/// Docker's grammar wants at least 32 hex digits before it looks at the algorithm.
fn has_too_few_digits(digest: &str) -> bool {
    digest.split_once(':').is_none_or(|(_, hex)| hex.len() < 32)
}

fn split_tag(rest: &str) -> Result<(&str, Option<&str>), Error> {
    match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => {
            if is_tag(tag) {
                Ok((path, Some(tag)))
            } else {
                Err(Error::Format)
            }
        }
        _ => Ok((rest, None)),
    }
}

fn check_path(path: &str) -> Result<(), Error> {
    if is_path(path) {
        return Ok(());
    }
    let lower = path.to_ascii_lowercase();
    if lower != path && is_path(&lower) {
        return Err(Error::Uppercase(path.to_owned()));
    }
    Err(Error::Format)
}

pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !tag.is_empty()
        && tag.len() <= TAG_MAX
        && tag
            .bytes()
            .enumerate()
            .all(|(i, b)| word(b) || (i > 0 && (b == b'.' || b == b'-')))
}

fn is_path(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(is_path_component)
}

/// Lower-case letters and digits, parted by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !plain(*first) || !plain(*last) {
        return false;
    }
    bytes.split(|b| plain(*b)).all(|separator| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-')
    })
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = if let Some(rest) = domain.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            return false;
        };
        if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
            return false;
        }
        return after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
    } else {
        domain
            .split_once(':')
            .map_or((domain, None), |(host, port)| (host, Some(port)))
    };
    port.is_none_or(is_port) && host.split('.').all(is_domain_component)
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

fn is_domain_component(component: &str) -> bool {
    !component.is_empty()
        && !component.starts_with('-')
        && !component.ends_with('-')
        && component
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
#[path = "named_tests.rs"]
mod tests;
