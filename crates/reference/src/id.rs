//! Image ids, and what a user may type to select an image.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::is_lower_hex;
use crate::{Digest, DigestError, Error, Reference};

/// The digest of an image's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(Digest);

impl ImageId {
    /// Names the image whose configuration has this digest.
    pub const fn new(config: Digest) -> Self {
        Self(config)
    }

    /// The configuration's digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }

    /// The first twelve hex digits.
    pub fn short(&self) -> &str {
        self.0.short()
    }

    /// `sha256:` and the hex digits.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ImageId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Digest::parse(text).map(Self)
    }
}

impl From<Digest> for ImageId {
    fn from(digest: Digest) -> Self {
        Self(digest)
    }
}

/// What a user typed where an image is wanted: a name, an id, or either.
///
/// `deadbeef` may be the name `docker.io/library/deadbeef` or the start of an id; which one it is
/// depends on what exists, so both readings are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// A full id, `sha256:` and 64 digits or the bare digits.
    Id(ImageId),
    /// The start of an id that cannot be a name, because `sha256:` stands before it.
    Prefix(String),
    /// A name; when it reads as the start of an id too, that is the second part.
    Name(Reference, Option<String>),
}

impl Selector {
    /// Reads what the user typed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Ok(digest) = Digest::parse(text) {
            return Ok(Self::Id(digest.into()));
        }
        if let Ok(digest) = Digest::from_sha256_hex(text) {
            return Ok(Self::Id(digest.into()));
        }
        if let Some(hex) = text.strip_prefix("sha256:")
            && !hex.is_empty()
            && hex.len() < 64
            && is_lower_hex(hex)
        {
            return Ok(Self::Prefix(hex.to_owned()));
        }
        let prefix =
            (!text.is_empty() && text.len() < 64 && is_lower_hex(text)).then(|| text.to_owned());
        Reference::parse(text).map(|name| Self::Name(name, prefix))
    }
}

/// Shortens an id as Docker prints it: no algorithm, twelve digits.
pub fn short_id(id: &str) -> &str {
    let hex = id.split_once(':').map_or(id, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_keep_both_readings() {
        let Selector::Name(name, prefix) = Selector::parse("deadbeef").unwrap() else {
            panic!()
        };
        assert_eq!(name.to_string(), "docker.io/library/deadbeef:latest");
        assert_eq!(prefix.as_deref(), Some("deadbeef"));
        assert_eq!(
            Selector::parse("sha256:abc").unwrap(),
            Selector::Prefix("abc".into())
        );
        let full = "ab".repeat(32);
        assert!(matches!(Selector::parse(&full).unwrap(), Selector::Id(_)));
        assert!(matches!(
            Selector::parse(&format!("sha256:{full}")).unwrap(),
            Selector::Id(_)
        ));
        assert!(matches!(
            Selector::parse("nginx").unwrap(),
            Selector::Name(_, None)
        ));
    }

    #[test]
    fn short_ids_drop_the_algorithm() {
        assert_eq!(short_id("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_id("0123"), "0123");
    }
}
