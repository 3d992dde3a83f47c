//! `--restart on-failure:3`.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// When a container that ended is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RestartCondition {
    /// Never.
    #[default]
    No,
    /// Always, also when the daemon starts.
    Always,
    /// Always, unless the user stopped it.
    UnlessStopped,
    /// When its exit status is not 0.
    OnFailure,
}

impl RestartCondition {
    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
            Self::OnFailure => "on-failure",
        }
    }
}

/// A restart policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestartPolicy {
    /// When.
    pub condition: RestartCondition,
    /// How often at most in a row; 0 is no limit.
    pub maximum_retry_count: u32,
}

impl RestartPolicy {
    /// Reads the two fields of the API; an empty name is "no".
    pub fn new(name: &str, count: i64) -> Result<Self, Error> {
        let condition = match name {
            "" | "no" => RestartCondition::No,
            "always" => RestartCondition::Always,
            "unless-stopped" => RestartCondition::UnlessStopped,
            "on-failure" => RestartCondition::OnFailure,
            _ => return Err(Error::RestartPolicy(name.to_owned())),
        };
        if name.is_empty() {
            // Old clients send no name with any count.
            return Ok(Self::default());
        }
        if condition != RestartCondition::OnFailure && count != 0 {
            return Err(Error::RestartCountUnused {
                negative: count < 0,
            });
        }
        let count = u32::try_from(count.min(i64::from(u32::MAX)));
        Ok(Self {
            condition,
            maximum_retry_count: count.map_err(|_| Error::RestartCountNegative)?,
        })
    }
}

impl FromStr for RestartPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, count) = match text.split_once(':') {
            Some(("", _)) => return Err(Error::RestartWithoutPolicy),
            Some((name, "")) => (name, 0),
            Some((name, count)) => (name, count.parse().map_err(|_| Error::RestartCount)?),
            None => (text, 0),
        };
        Self::new(name, count)
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.as_str())?;
        match self.maximum_retry_count {
            0 => Ok(()),
            count => write!(f, ":{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        let policy: RestartPolicy = "on-failure:3".parse().unwrap();
        assert_eq!(policy.condition, RestartCondition::OnFailure);
        assert_eq!(policy.to_string(), "on-failure:3");
        assert_eq!(
            "always".parse::<RestartPolicy>().unwrap().to_string(),
            "always"
        );
        assert_eq!(
            "on-failure:"
                .parse::<RestartPolicy>()
                .unwrap()
                .maximum_retry_count,
            0
        );
        assert_eq!(
            "".parse::<RestartPolicy>().unwrap(),
            RestartPolicy::default()
        );
        let refuse = |text: &str| text.parse::<RestartPolicy>().unwrap_err();
        assert_eq!(refuse(":3"), Error::RestartWithoutPolicy);
        assert_eq!(refuse("on-failure:x"), Error::RestartCount);
        assert_eq!(refuse("on-failure:-1"), Error::RestartCountNegative);
        assert_eq!(
            refuse("always:3"),
            Error::RestartCountUnused { negative: false }
        );
        assert_eq!(
            refuse("often").to_string(),
            "invalid restart policy: unknown policy 'often'; use one of 'no', 'always', \
             'on-failure', or 'unless-stopped'"
        );
    }
}
