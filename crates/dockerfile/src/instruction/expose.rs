//! The ports of EXPOSE.

use std::fmt;

use crate::error::Problem;

/// A protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExposedProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl fmt::Display for ExposedProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Ports of one word of EXPOSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposedPort {
    /// The first port.
    pub first: u16,
    /// The last port, the same one if there is no range.
    pub last: u16,
    /// The protocol.
    pub protocol: ExposedProtocol,
    /// The protocol is not in lower case, which a check tells.
    pub(crate) odd_case: bool,
    /// An address or a port of the host stands there, which means nothing.
    pub(crate) published: bool,
}

impl ExposedPort {
    /// Each port as an image's configuration writes it: `80/tcp`.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let protocol = self.protocol;
        (self.first..=self.last).map(move |port| format!("{port}/{protocol}"))
    }
}

/// Reads one expanded word: `80`, `80/udp`, `8000-8010/tcp`; `[ip:]host:port` for the sake of old files.
pub fn parse_exposed(word: &str) -> Result<ExposedPort, Problem> {
    let mut parts = word.rsplitn(3, ':');
    let container = parts.next().unwrap_or_default();
    let host = parts.next().unwrap_or_default();
    let address = parts.next().unwrap_or_default();
    let (ports, protocol) = container.split_once('/').unwrap_or((container, ""));
    let invalid = |reason: String| Problem::Port {
        port: word.to_owned(),
        reason,
    };
    if ports.is_empty() {
        return Err(invalid("no port specified".to_owned()));
    }
    let kind = match protocol.to_lowercase().as_str() {
        "" | "tcp" => ExposedProtocol::Tcp,
        "udp" => ExposedProtocol::Udp,
        "sctp" => ExposedProtocol::Sctp,
        _ => return Err(invalid(format!("invalid proto: {protocol}"))),
    };
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    if !bare.is_empty() && bare.parse::<std::net::IpAddr>().is_err() {
        return Err(part("IP address", bare));
    }
    let (first, last) = range(ports).ok_or_else(|| part("containerPort", ports))?;
    if !host.is_empty() {
        let (from, to) = range(host).ok_or_else(|| part("hostPort", host))?;
        if last != first && last - first != to - from {
            return Err(Problem::PortRanges {
                container: ports.to_owned(),
                host: host.to_owned(),
            });
        }
    }
    Ok(ExposedPort {
        first,
        last,
        protocol: kind,
        odd_case: protocol != protocol.to_lowercase(),
        published: !host.is_empty() || !address.is_empty(),
    })
}

fn part(what: &'static str, value: &str) -> Problem {
    Problem::PortPart {
        what,
        value: value.to_owned(),
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_refuses() {
        let names = |word| -> Vec<String> { parse_exposed(word).expect(word).names().collect() };
        assert_eq!(names("80"), ["80/tcp"]);
        assert_eq!(names("80-81/UDP"), ["80/udp", "81/udp"]);
        assert_eq!(names("127.0.0.1:8080:80"), ["80/tcp"]);
        assert_eq!(names("[::1]:8080:80"), ["80/tcp"]);
        for word in [
            "", "/tcp", "80/x", "a", "81-80", "70000", "x:1:2", "1-3:1-2", "1-x:2",
        ] {
            assert!(parse_exposed(word).is_err(), "{word}");
        }
        assert_eq!(
            parse_exposed("80/x").expect_err("bad").to_string(),
            "invalid port: \"80/x\": invalid proto: x"
        );
    }

    proptest! {
        #[test]
        fn never_panics(word in "[0-9:/a-f\\[\\].-]*") { let _ = parse_exposed(&word); }
    }
}
