//! Whose namespaces a container uses.

use std::str::FromStr;

use crate::Error;

/// Whose namespace, for IPC, PID, UTS, cgroup and user namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NamespaceMode {
    /// Not said: the engine's default.
    #[default]
    Unset,
    /// Its own.
    Private,
    /// Its own, which others may join (IPC).
    Shareable,
    /// Its own, without /dev/shm (IPC).
    None,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
}

impl NamespaceMode {
    /// `--ipc`.
    pub fn ipc(text: &str) -> Result<Self, Error> {
        match Self::read(text) {
            Some(mode) => Ok(mode),
            None => Err(Error::Mode {
                what: "IPC",
                value: text.to_owned(),
            }),
        }
    }

    /// `--pid`.
    pub fn pid(text: &str) -> Result<Self, Error> {
        match Self::read(text) {
            Some(mode @ (Self::Unset | Self::Host | Self::Container(_))) => Ok(mode),
            // Docker takes any other word for "private" here.
            Some(Self::Private) => Ok(Self::Private),
            _ => Err(Error::Mode {
                what: "PID",
                value: text.to_owned(),
            }),
        }
    }

    /// `--uts`.
    pub fn uts(text: &str) -> Result<Self, Error> {
        Self::host_or_unset(text, "UTS")
    }

    /// `--userns`.
    pub fn user(text: &str) -> Result<Self, Error> {
        Self::host_or_unset(text, "user")
    }

    /// `--cgroupns`.
    pub fn cgroup(text: &str) -> Result<Self, Error> {
        match Self::read(text) {
            Some(mode @ (Self::Unset | Self::Host | Self::Private)) => Ok(mode),
            _ => Err(Error::Mode {
                what: "cgroup namespace",
                value: text.to_owned(),
            }),
        }
    }

    fn host_or_unset(text: &str, what: &'static str) -> Result<Self, Error> {
        match Self::read(text) {
            Some(mode @ (Self::Unset | Self::Host)) => Ok(mode),
            _ => Err(Error::Mode {
                what,
                value: text.to_owned(),
            }),
        }
    }

    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "" => Self::Unset,
            "private" => Self::Private,
            "shareable" => Self::Shareable,
            "none" => Self::None,
            "host" => Self::Host,
            text => Self::Container(container(text)?),
        })
    }
}

/// The container of `container:<name or id>`.
fn container(text: &str) -> Option<String> {
    text.strip_prefix("container:")
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

/// `--network` of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NetworkMode {
    /// The default bridge.
    #[default]
    Bridge,
    /// The host's network.
    Host,
    /// A loopback interface and nothing else.
    None,
    /// Another container's network, by name or id.
    Container(String),
    /// A network that the user made.
    Named(String),
}

impl FromStr for NetworkMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "" | "default" | "bridge" => Self::Bridge,
            "host" => Self::Host,
            "none" => Self::None,
            text if text.starts_with("container:") => {
                let bad = || Error::Mode {
                    what: "network",
                    value: text.to_owned(),
                };
                Self::Container(container(text).ok_or_else(bad)?)
            }
            text => Self::Named(text.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        assert_eq!(
            NamespaceMode::ipc("shareable"),
            Ok(NamespaceMode::Shareable)
        );
        assert_eq!(
            NamespaceMode::pid("container:db"),
            Ok(NamespaceMode::Container("db".into()))
        );
        assert_eq!(
            NamespaceMode::pid("shareable").unwrap_err().to_string(),
            "invalid PID mode: shareable"
        );
        assert!(NamespaceMode::uts("private").is_err());
        assert!(NamespaceMode::ipc("container:").is_err());
        assert_eq!("default".parse(), Ok(NetworkMode::Bridge));
        assert_eq!("web".parse(), Ok(NetworkMode::Named("web".into())));
        assert!("container:".parse::<NetworkMode>().is_err());
    }
}
