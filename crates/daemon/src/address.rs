//! Where the daemon listens, as `-H` and `hosts` say it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where the daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `unix:///path`
    Unix(PathBuf),
    /// `tcp://address:port`
    Tcp(SocketAddr),
    /// `fd://`: sockets that systemd opened; one of them, or all.
    Activated(Option<u32>),
}

const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// Ports for connections with and without encryption.
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

impl Address {
    /// Reads an address; the port of `tcp://` depends on whether it is encrypted.
    pub fn parse(text: &str, tls: bool) -> Result<Self, String> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("expected unix:///path, tcp://address:port or fd://".to_owned());
        };
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::Unix(DOCKER_SOCKET.into())),
            "unix" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "unix" => Err("the path of a socket must be absolute".to_owned()),
            "tcp" => tcp(rest, if tls { TLS_PORT } else { PLAIN_PORT }).map(Self::Tcp),
            "fd" => match rest {
                "" | "*" => Ok(Self::Activated(None)),
                number => number
                    .parse()
                    .ok()
                    .filter(|number| *number >= FIRST_FD)
                    .map(|number| Self::Activated(Some(number)))
                    .ok_or_else(|| format!("expected fd:// or fd://N with N from {FIRST_FD} on")),
            },
            _ => Err("unknown protocol; expected unix, tcp or fd".to_owned()),
        }
    }
}

/// The first descriptor that systemd hands over.
pub(crate) const FIRST_FD: u32 = 3;

fn tcp(rest: &str, default_port: u16) -> Result<SocketAddr, String> {
    let rest = rest.trim_end_matches('/');
    if rest.contains('/') {
        return Err("a path behind the port is not supported".to_owned());
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let port = port
                .parse()
                .map_err(|_| "the port is not a number".to_owned())?;
            (host, port)
        }
        _ => (rest, default_port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = match host {
        "" | "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        literal => literal
            .parse()
            .map_err(|_| "expected an IP address of this machine, or localhost".to_owned())?,
    };
    Ok(SocketAddr::new(address, port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(at) => write!(f, "tcp://{at}"),
            Self::Activated(None) => f.write_str("fd://"),
            Self::Activated(Some(number)) => write!(f, "fd://{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print() {
        for (text, shown) in [
            ("unix://", "unix:///var/run/docker.sock"),
            ("unix:///a/b", "unix:///a/b"),
            ("tcp://", "tcp://127.0.0.1:2376"),
            ("tcp://0.0.0.0", "tcp://0.0.0.0:2376"),
            ("tcp://:99", "tcp://127.0.0.1:99"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
            ("fd://", "fd://"),
            ("fd://4", "fd://4"),
        ] {
            assert_eq!(Address::parse(text, true).unwrap().to_string(), shown);
        }
        let plain = Address::parse("tcp://[::]", false).unwrap();
        assert_eq!(plain.to_string(), "tcp://[::]:2375");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for text in [
            "",
            "/x",
            "unix://x",
            "tcp://name",
            "tcp://1.2.3.4:x",
            "fd://2",
            "npipe://x",
        ] {
            assert!(Address::parse(text, false).is_err(), "{text}");
        }
    }
}
