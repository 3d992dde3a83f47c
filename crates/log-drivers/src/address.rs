//! Where a collector listens.

use std::path::PathBuf;

/// How and where to reach a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Udp(Host),
    Tcp(Host),
    /// TCP with TLS.
    Tls(Host),
    Unix(PathBuf),
    UnixDatagram(PathBuf),
}

/// A host's name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `proto://host[:port]` or `unix[gram]:///path`; `None` if it is neither.
    pub(crate) fn parse(text: &str, default_port: Option<u16>) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let path = || Some(PathBuf::from(rest)).filter(|path| !path.as_os_str().is_empty());
        let host = || Host::parse(rest.trim_end_matches('/'), default_port);
        match scheme {
            "udp" => Some(Self::Udp(host()?)),
            "tcp" => Some(Self::Tcp(host()?)),
            "tcp+tls" | "tls" => Some(Self::Tls(host()?)),
            "unix" => Some(Self::Unix(path()?)),
            "unixgram" => Some(Self::UnixDatagram(path()?)),
            _ => None,
        }
    }

    /// Whether messages stay apart.
    pub(crate) fn is_datagram(&self) -> bool {
        matches!(self, Self::Udp(_) | Self::UnixDatagram(_))
    }
}

impl Host {
    /// Reads `host[:port]`, where a host may be `[::1]`.
    pub(crate) fn parse(text: &str, default_port: Option<u16>) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if port.is_empty() => default_port?,
            None => return None,
        };
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host {
            name: name.to_owned(),
            port,
        }
    }

    #[test]
    fn addresses_are_read() {
        for (text, expected) in [
            ("udp://h:5", Some(Address::Udp(host("h", 5)))),
            ("tcp://h", Some(Address::Tcp(host("h", 514)))),
            (
                "tcp+tls://[::1]:6514",
                Some(Address::Tls(host("::1", 6514))),
            ),
            ("unix:///dev/log", Some(Address::Unix("/dev/log".into()))),
            ("unixgram:///x", Some(Address::UnixDatagram("/x".into()))),
            ("unix://", None),
            ("h:5", None),
            ("tcp://", None),
            ("tcp://h:x", None),
            ("tcp://[::1", None),
            ("http://h", None),
        ] {
            assert_eq!(Address::parse(text, Some(514)), expected, "{text}");
        }
        assert_eq!(Address::parse("tcp://h", None), None);
    }
}
