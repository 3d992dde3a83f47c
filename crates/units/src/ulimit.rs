//! `--ulimit name=soft[:hard]`.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A resource limit; -1 is unlimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// `nofile`, `core`, ...
    pub name: String,
    /// Soft limit.
    pub soft: i64,
    /// Hard limit.
    pub hard: i64,
}

/// Docker's names and the kernel's, without `RLIMIT_`.
const NAMES: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

impl Ulimit {
    /// Whether such a limit exists.
    pub fn is_known(name: &str) -> bool {
        NAMES.contains(&name) || name == "as"
    }
}

impl FromStr for Ulimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::Ulimit(text.to_owned());
        let (name, limits) = text.split_once('=').ok_or_else(invalid)?;
        if !NAMES.contains(&name) {
            return Err(Error::UlimitType(name.to_owned()));
        }
        let number = |text: &str| text.parse::<i64>().ok().filter(|n| *n >= -1);
        let (soft, hard) = match limits.split_once(':') {
            Some((soft, hard)) => (number(soft), number(hard)),
            None => (number(limits), number(limits)),
        };
        let (Some(soft), Some(hard)) = (soft, hard) else {
            return Err(invalid());
        };
        if hard != -1 && (soft == -1 || soft > hard) {
            return Err(Error::UlimitOrder { soft, hard });
        }
        Ok(Self {
            name: name.to_owned(),
            soft,
            hard,
        })
    }
}

impl fmt::Display for Ulimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{}", self.name, self.soft, self.hard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        let limit: Ulimit = "nofile=512:1024".parse().unwrap();
        assert_eq!(limit.to_string(), "nofile=512:1024");
        assert_eq!("core=-1".parse::<Ulimit>().unwrap().hard, -1);
        let refuse = |text: &str| text.parse::<Ulimit>().unwrap_err().to_string();
        assert_eq!(refuse("nofile"), "invalid ulimit argument: nofile");
        assert_eq!(refuse("files=1"), "invalid ulimit type: files");
        assert_eq!(
            refuse("nofile=2:1"),
            "ulimit soft limit must be less than or equal to hard limit: 2 > 1"
        );
        assert!("nofile=a:b".parse::<Ulimit>().is_err());
        assert!("nofile=1:2:3".parse::<Ulimit>().is_err());
    }
}
