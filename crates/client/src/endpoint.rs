//! Where a daemon listens.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::Error;

/// The address of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket file.
    Unix(PathBuf),
    /// A host and port, without encryption.
    Tcp {
        /// A literal address: names would need a resolver.
        address: IpAddr,
        /// The port.
        port: u16,
    },
}

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
        let (scheme, rest) = host
            .split_once("://")
            .ok_or_else(|| fail("expected unix:///path or tcp://address:port"))?;
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::Unix(PathBuf::from("/var/run/docker.sock"))),
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" => Self::parse_tcp(rest, &fail),
            "ssh" => Err(fail("ssh is not supported yet")),
            "https" => Err(fail("TLS is not supported yet")),
            _ => Err(fail("unknown protocol; expected unix or tcp")),
        }
    }

    fn parse_tcp(rest: &str, fail: &dyn Fn(&str) -> Error) -> Result<Self, Error> {
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (
                host,
                port.parse().map_err(|_| fail("the port is not a number"))?,
            ),
            _ => (rest, 2375),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = match host {
            "" | "localhost" => IpAddr::from([127, 0, 0, 1]),
            literal => literal
                .parse()
                .map_err(|_| fail("host names are not supported yet; give an IP address"))?,
        };
        Ok(Self::Tcp { address, port })
    }

    /// The socket of the daemon on this machine.
    pub fn local(run_root: &Path) -> Self {
        Self::Unix(run_root.join("gantry.sock"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp {
                address: IpAddr::V6(address),
                port,
            } => write!(f, "tcp://[{address}]:{port}"),
            Self::Tcp { address, port } => write!(f, "tcp://{address}:{port}"),
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
        ] {
            assert_eq!(Endpoint::parse(host).unwrap().to_string(), host);
        }
        let docker = Endpoint::parse("tcp://localhost:99").unwrap();
        assert_eq!(docker.to_string(), "tcp://127.0.0.1:99");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for host in [
            "",
            "/run/x.sock",
            "ftp://x",
            "tcp://name:1",
            "tcp://1.2.3.4:x",
            "ssh://me@host",
        ] {
            assert!(
                matches!(Endpoint::parse(host), Err(Error::Endpoint { .. })),
                "{host}"
            );
        }
    }
}
