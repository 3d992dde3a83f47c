//! Kernel versions, as far as profiles ask for them.

use std::str::FromStr;

use crate::Error;

/// A kernel's first two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The first.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl KernelVersion {
    /// The running kernel's version.
    pub fn running() -> Self {
        let uname = rustix::system::uname();
        let release = uname.release().to_string_lossy();
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|n| n.parse().unwrap_or(0));
        Self {
            major: numbers.next().unwrap_or(0),
            minor: numbers.next().unwrap_or(0),
        }
    }
}

impl FromStr for KernelVersion {
    type Err = Error;

    /// Reads `4.8`, the form that profiles use.
    fn from_str(s: &str) -> Result<Self, Error> {
        let bad = || Error::KernelVersion(s.to_owned());
        let (major, minor) = s.split_once('.').ok_or_else(bad)?;
        Ok(Self {
            major: major.parse().map_err(|_| bad())?,
            minor: minor.parse().map_err(|_| bad())?,
        })
    }
}
