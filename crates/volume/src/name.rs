//! Volume names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;

/// A volume's name: safe as one path component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumeName(String);

impl VolumeName {
    /// Checks a name against Docker's rule `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, at most 255 bytes.
    pub fn new(name: &str) -> Result<Self, Error> {
        let mut bytes = name.bytes();
        if name.len() == 1 {
            return Err(Error::ShortName(name.to_owned()));
        }
        let ok = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
            && name.len() <= 255
            && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if ok {
            Ok(Self(name.to_owned()))
        } else {
            Err(Error::InvalidName(name.to_owned()))
        }
    }

    /// The name of a new anonymous volume: 64 hex digits.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::file("read", "/dev/urandom")(std::io::Error::other(e)))?;
        Ok(Self(bytes.iter().map(|b| format!("{b:02x}")).collect()))
    }

    /// A folder's name that no volume can have.
    pub(crate) fn hidden(kind: &str) -> Result<String, Error> {
        let random = Self::random()?;
        Ok(format!(".{kind}-{}", &random.as_str()[..16]))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for VolumeName {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        Self::new(&name)
    }
}

impl From<VolumeName> for String {
    fn from(name: VolumeName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_harmless_path_component() {
        assert!(VolumeName::new("pg-data_1.0").is_ok());
        for bad in [
            "",
            "a",
            ".",
            "..",
            "../x",
            "/abs",
            "a/b",
            "a b",
            "-x",
            &"x".repeat(256),
        ] {
            assert!(VolumeName::new(bad).is_err(), "{bad}");
        }
        assert!(VolumeName::new(VolumeName::random().unwrap().as_str()).is_ok());
    }
}
