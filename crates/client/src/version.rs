//! API versions: `1.51`.

use std::fmt;

/// A version of the Engine API; only the second number ever changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

impl ApiVersion {
    /// The newest version that this client knows.
    pub const NEWEST: Self = Self {
        major: 1,
        minor: 51,
    };
    /// The oldest version that this client can speak.
    pub const OLDEST: Self = Self {
        major: 1,
        minor: 24,
    };

    /// Reads `1.51`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order() {
        assert!(ApiVersion::parse("1.9").unwrap() < ApiVersion::parse("1.24").unwrap());
        assert_eq!(ApiVersion::parse("1.51"), Some(ApiVersion::NEWEST));
        assert_eq!(ApiVersion::parse("v1"), None);
    }
}
