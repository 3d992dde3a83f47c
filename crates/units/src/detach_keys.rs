//! `--detach-keys ctrl-p,ctrl-q`.

use std::str::FromStr;

use crate::Error;

/// The bytes that, typed in a row, leave a container to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys(Vec<u8>);

impl DetachKeys {
    /// The bytes, never empty.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Default for DetachKeys {
    /// `ctrl-p,ctrl-q`.
    fn default() -> Self {
        Self(vec![16, 17])
    }
}

impl FromStr for DetachKeys {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split(',').map(key).collect::<Result<_, _>>().map(Self)
    }
}

fn key(text: &str) -> Result<u8, Error> {
    let bad = || Error::DetachKey(text.to_owned());
    if text.len() == 1 {
        return Ok(text.as_bytes()[0]);
    }
    let name = text.to_ascii_lowercase();
    let name = name.strip_prefix("ctrl-").ok_or_else(bad)?;
    match name.as_bytes() {
        [letter @ b'a'..=b'z'] => Ok(letter - b'a' + 1),
        b"@" => Ok(0),
        b"[" => Ok(27),
        b"\\" => Ok(28),
        b"]" => Ok(29),
        b"^" => Ok(30),
        b"_" => Ok(31),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_refuses() {
        let keys: DetachKeys = "ctrl-p,ctrl-q".parse().unwrap();
        assert_eq!(keys, DetachKeys::default());
        assert_eq!(
            "a,ctrl-@,ctrl-\\".parse::<DetachKeys>().unwrap().as_bytes(),
            [97, 0, 28]
        );
        assert_eq!(
            "ctrl-1".parse::<DetachKeys>().unwrap_err().to_string(),
            "Unknown character: 'ctrl-1'"
        );
        assert!("".parse::<DetachKeys>().is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = text.parse::<DetachKeys>();
        }
    }
}
