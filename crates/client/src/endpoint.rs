//! Where a daemon listens.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Error;

/// The address of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket file.
    Unix(PathBuf),
    /// A host and port.
    Tcp {
        /// A name or a literal address.
        host: String,
        /// The port; `None` for the usual one.
        port: Option<u16>,
        /// How it is encrypted; `None` for not at all.
        tls: Option<Tls>,
    },
    /// A program at the other end of ssh passes our bytes on to the daemon there.
    Ssh(SshTarget),
}

/// TLS to a daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whom the daemon's certificate must be of; `None` is whom this machine trusts.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Any certificate will do.
    pub skip_verify: bool,
}

/// Where ssh connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget {
    /// Who we are there.
    pub user: Option<String>,
    /// A name, an address or an alias of ssh's configuration.
    pub host: String,
    /// Its port.
    pub port: Option<u16>,
    /// The daemon's socket there.
    pub path: Option<String>,
}

/// The usual ports, without and with encryption.
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// Where the daemon's sockets and state of this boot are: `GANTRY_RUN_ROOT`, else `/run/gantry`.
pub fn default_run_root() -> PathBuf {
    std::env::var_os("GANTRY_RUN_ROOT")
        .filter(|value| !value.is_empty())
        .map_or_else(|| PathBuf::from("/run/gantry"), PathBuf::from)
}

impl Endpoint {
    /// Reads an address as `-H` and `DOCKER_HOST` take it.
    pub fn parse(host: &str) -> Result<Self, Error> {
        let fail = |reason: &str| Error::Endpoint {
            host: host.to_owned(),
            reason: reason.to_owned(),
        };
        let host = host.trim();
        // Docker reads what has no protocol as TCP.
        let (scheme, rest) = match host.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None if host.contains('/') || host.is_empty() => {
                return Err(fail("expected unix:///path, tcp://host:port or ssh://host"));
            }
            None => ("tcp", host),
        };
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::Unix(PathBuf::from("/var/run/docker.sock"))),
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" => Self::parse_tcp(rest, None, &fail),
            "https" => Self::parse_tcp(rest, Some(Tls::default()), &fail),
            "ssh" => SshTarget::parse(rest).map(Self::Ssh).map_err(|e| fail(&e)),
            _ => Err(fail("unknown protocol; expected unix, tcp or ssh")),
        }
    }

    fn parse_tcp(
        rest: &str,
        tls: Option<Tls>,
        fail: &dyn Fn(&str) -> Error,
    ) -> Result<Self, Error> {
        let rest = rest.trim_end_matches('/');
        if rest.contains('/') {
            return Err(fail("a path behind the port is not supported"));
        }
        let (host, port) = split_port(rest).map_err(|e| fail(&e))?;
        let host = if host.is_empty() { "localhost" } else { host };
        Ok(Self::Tcp {
            host: host.to_owned(),
            port,
            tls,
        })
    }

    /// The same daemon, encrypted where that can be.
    #[must_use]
    pub fn with_tls(self, with: Tls) -> Self {
        match self {
            Self::Tcp { host, port, .. } => Self::Tcp {
                host,
                port,
                tls: Some(with),
            },
            other => other,
        }
    }

    /// The socket of the daemon on this machine.
    pub fn local(run_root: &Path) -> Self {
        Self::Unix(run_root.join("gantry.sock"))
    }
}

/// The port of a `tcp://` address.
pub(crate) fn port_or_usual(port: Option<u16>, encrypted: bool) -> u16 {
    port.unwrap_or(if encrypted { TLS_PORT } else { PLAIN_PORT })
}

/// Host, without brackets, and port.
fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let port = port
                .parse()
                .map_err(|_| "the port is not a number".to_owned())?;
            (host, Some(port))
        }
        _ => (text, None),
    };
    Ok((host.trim_start_matches('[').trim_end_matches(']'), port))
}

impl SshTarget {
    /// `[user@]host[:port][/path/to/socket]`
    fn parse(text: &str) -> Result<Self, String> {
        let (place, path) = match text.find('/') {
            Some(slash) => (&text[..slash], &text[slash..]),
            None => (text, ""),
        };
        let (user, place) = match place.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, place),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err("a password in the address is not supported; use keys".to_owned());
        }
        let (host, port) = split_port(place)?;
        // What begins with a dash would be an option of ssh.
        if host.is_empty() || host.starts_with('-') || user.is_some_and(|u| u.starts_with('-')) {
            return Err("expected ssh://[user@]host[:port]".to_owned());
        }
        Ok(Self {
            user: user.filter(|user| !user.is_empty()).map(str::to_owned),
            host: host.to_owned(),
            port,
            path: Some(path.trim_end_matches('/'))
                .filter(|path| !path.is_empty())
                .map(str::to_owned),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, tls } => {
                let port = port_or_usual(*port, tls.is_some());
                if host.contains(':') {
                    write!(f, "tcp://[{host}]:{port}")
                } else {
                    write!(f, "tcp://{host}:{port}")
                }
            }
            Self::Ssh(target) => {
                f.write_str("ssh://")?;
                if let Some(user) = &target.user {
                    write!(f, "{user}@")?;
                }
                f.write_str(&target.host)?;
                if let Some(port) = target.port {
                    write!(f, ":{port}")?;
                }
                f.write_str(target.path.as_deref().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print() {
        for host in [
            "unix:///run/x.sock",
            "tcp://127.0.0.1:2375",
            "tcp://[::1]:2375",
            "tcp://name:1",
            "ssh://host",
            "ssh://me@host:2222/run/d.sock",
        ] {
            assert_eq!(Endpoint::parse(host).unwrap().to_string(), host);
        }
        let docker = Endpoint::parse("127.0.0.1:99").unwrap();
        assert_eq!(docker.to_string(), "tcp://127.0.0.1:99");
        let plain = Endpoint::parse("tcp://h").unwrap();
        assert_eq!(plain.to_string(), "tcp://h:2375");
        assert_eq!(plain.with_tls(Tls::default()).to_string(), "tcp://h:2376");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for host in [
            "",
            "/run/x.sock",
            "ftp://x",
            "tcp://1.2.3.4:x",
            "tcp://1.2.3.4:1/path",
            "ssh://",
            "ssh://-oProxyCommand=x",
            "ssh://me:secret@host",
        ] {
            assert!(
                matches!(Endpoint::parse(host), Err(Error::Endpoint { .. })),
                "{host}"
            );
        }
    }
}
