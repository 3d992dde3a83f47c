//! Platforms, as in `linux/amd64`.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// An operating system and a processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, Go's name.
    pub architecture: String,
    /// `v7`, `v8`; `None` is any.
    pub variant: Option<String>,
}

impl Platform {
    /// What this machine runs.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            os: "linux".into(),
            architecture: architecture.into(),
            variant: None,
        }
    }

    /// Whether an image for `offered` is what somebody who wants `self` means.
    pub fn accepts(&self, offered: &Self) -> bool {
        self.os == offered.os
            && normal_architecture(&self.architecture) == normal_architecture(&offered.architecture)
            && match (&self.variant, &offered.variant) {
                (Some(wanted), Some(has)) => wanted == has,
                _ => true,
            }
    }
}

/// Other names that people give to Go's architectures.
fn normal_architecture(name: &str) -> &str {
    match name {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant
            .as_ref()
            .map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Malformed {
            what: "platform",
            name: text.to_owned(),
            reason: "write it as os/architecture or os/architecture/variant".into(),
        };
        let word = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !parts.iter().all(|part| word(part)) {
            return Err(bad());
        }
        let host = Self::host();
        match parts[..] {
            ["linux"] => Ok(host),
            [architecture] => Ok(Self {
                architecture: normal_architecture(architecture).into(),
                ..host
            }),
            [os, architecture] => Ok(Self {
                os: os.into(),
                architecture: normal_architecture(architecture).into(),
                variant: None,
            }),
            [os, architecture, variant] => Ok(Self {
                os: os.into(),
                architecture: normal_architecture(architecture).into(),
                variant: Some(variant.into()),
            }),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_and_compared() {
        let wanted: Platform = "linux/amd64".parse().unwrap();
        assert!(wanted.accepts(&"linux/x86_64".parse().unwrap()));
        assert!(!wanted.accepts(&"linux/arm64/v8".parse().unwrap()));
        assert!(!wanted.accepts(&"windows/amd64".parse().unwrap()));
        assert_eq!(
            "linux/arm/v7".parse::<Platform>().unwrap().to_string(),
            "linux/arm/v7"
        );
        assert!("linux//".parse::<Platform>().is_err());
        assert!("a/b/c/d".parse::<Platform>().is_err());
    }
}
