//! Ports: `80/tcp`, `--expose`, `--publish`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::csv;

/// A transport protocol.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// `tcp`, `udp` or `sctp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            _ => Err(Error::Protocol(text.to_owned())),
        }
    }
}

/// A container's port, `80/tcp` in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// 1 to 65535.
    pub number: u16,
    /// Protocol.
    pub protocol: Protocol,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

impl FromStr for Port {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (number, protocol) = split_protocol(text)?;
        match PortRange::parse(number) {
            Some(range) if range.first == range.last && range.first > 0 => Ok(Self {
                number: range.first,
                protocol,
            }),
            _ => Err(Error::Port(text.to_owned())),
        }
    }
}

/// Ports from `first` to `last`, both included; `0` is "any".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
}

impl PortRange {
    /// Reads `80` or `80-90`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| text.parse::<u16>().ok())
                .flatten()
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self {
            first: number(first)?,
            last: number(last)?,
        };
        (range.first <= range.last).then_some(range)
    }

    /// How many ports.
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// One container port published on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Port inside.
    pub container: Port,
    /// Host address; nothing is all addresses.
    pub host_ip: Option<IpAddr>,
    /// Host port, or a range to take a free one from; nothing is any free port.
    pub host: Option<PortRange>,
}

fn split_protocol(text: &str) -> Result<(&str, Protocol), Error> {
    match text.split_once('/') {
        None => Ok((text, Protocol::Tcp)),
        Some((number, "")) => Ok((number, Protocol::Tcp)),
        Some((number, protocol)) => Ok((number, protocol.parse()?)),
    }
}

/// Reads `--expose`: `80`, `80/udp`, `8000-8010/tcp`.
pub fn parse_expose(text: &str) -> Result<Vec<Port>, Error> {
    let (numbers, protocol) = split_protocol(text)?;
    let range = PortRange::parse(numbers)
        .filter(|range| range.first > 0)
        .ok_or_else(|| Error::Expose(text.to_owned()))?;
    Ok((range.first..=range.last)
        .map(|number| Port { number, protocol })
        .collect())
}

/// Reads `--publish`: `[[address:]host[-host]:]container[-container][/protocol]`, or the long
/// form `target=80,published=8080,protocol=tcp`.
pub fn parse_publish(text: &str) -> Result<Vec<Published>, Error> {
    if text.contains('=') {
        return parse_long(text);
    }
    let (address, host, container) = split_parts(text);
    let (container, protocol) = match container.split_once('/') {
        Some((container, protocol)) => (container, protocol),
        None => (container, ""),
    };
    let host_ip = parse_address(address)?;
    if container.is_empty() {
        return Err(Error::NoPort(text.to_owned()));
    }
    let inside = PortRange::parse(container)
        .filter(|range| range.first > 0)
        .ok_or_else(|| Error::ContainerPort(container.to_owned()))?;
    let outside = match host {
        "" => None,
        host => Some(PortRange::parse(host).ok_or_else(|| Error::HostPort(host.to_owned()))?),
    };
    let protocol = if protocol.is_empty() {
        Protocol::Tcp
    } else {
        protocol.parse()?
    };
    pair(inside, outside, host_ip, protocol)
}

/// Splits at colons from the right, so that an IPv6 address stays whole.
fn split_parts(text: &str) -> (&str, &str, &str) {
    let Some((rest, container)) = text.rsplit_once(':') else {
        return ("", "", text);
    };
    match rest.rsplit_once(':') {
        Some((address, host)) => (address, host, container),
        None => ("", rest, container),
    }
}

fn parse_address(text: &str) -> Result<Option<IpAddr>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .map(Some)
        .map_err(|_| Error::IpAddress(bare.to_owned()))
}

/// Pairs the ports of two ranges; one container port may have a range to choose from.
fn pair(
    inside: PortRange,
    outside: Option<PortRange>,
    host_ip: Option<IpAddr>,
    protocol: Protocol,
) -> Result<Vec<Published>, Error> {
    if let Some(outside) = outside
        && inside.count() != outside.count()
        && inside.count() != 1
    {
        return Err(Error::PortRanges {
            container: inside.to_string(),
            host: outside.to_string(),
        });
    }
    let published = (inside.first..=inside.last).map(|number| {
        let host = outside
            .filter(|range| range.first > 0 || range.last > 0)
            .map(|range| {
                if inside.count() == 1 {
                    return range;
                }
                let port = range.first + (number - inside.first);
                PortRange {
                    first: port,
                    last: port,
                }
            });
        Published {
            container: Port { number, protocol },
            host_ip,
            host,
        }
    });
    Ok(published.collect())
}

fn parse_long(text: &str) -> Result<Vec<Published>, Error> {
    let (mut target, mut host, mut protocol, mut host_ip) = (None, None, Protocol::Tcp, None);
    for field in csv::fields(text)? {
        let (key, value) = csv::pair(&field)?;
        let bad = || Error::FieldValue {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        match key.to_ascii_lowercase().as_str() {
            "target" => {
                target = Some(
                    PortRange::parse(value)
                        .filter(|r| r.first > 0)
                        .ok_or_else(bad)?,
                );
            }
            "published" => host = Some(PortRange::parse(value).ok_or_else(bad)?),
            "protocol" => protocol = value.parse()?,
            "host_ip" => host_ip = parse_address(value)?,
            // Both modes are the same outside of a swarm.
            "mode" if value == "host" || value == "ingress" => {}
            "mode" => return Err(bad()),
            _ => {
                return Err(Error::UnknownKey {
                    key: key.to_owned(),
                    field: field.clone(),
                });
            }
        }
    }
    let target = target.ok_or_else(|| Error::NoPort(text.to_owned()))?;
    pair(target, host, host_ip, protocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn publish(text: &str) -> Vec<String> {
        parse_publish(text)
            .unwrap()
            .iter()
            .map(|p| {
                let host = p.host.map(|h| h.to_string()).unwrap_or_default();
                let ip = p.host_ip.map(|ip| ip.to_string()).unwrap_or_default();
                format!("{ip}|{host}|{}", p.container)
            })
            .collect()
    }

    #[test]
    fn publishes_in_all_forms() {
        assert_eq!(publish("80"), ["||80/tcp"]);
        assert_eq!(publish("8080:80"), ["|8080|80/tcp"]);
        assert_eq!(publish("127.0.0.1:8080:80/udp"), ["127.0.0.1|8080|80/udp"]);
        assert_eq!(publish("127.0.0.1::80"), ["127.0.0.1||80/tcp"]);
        assert_eq!(publish("[::1]:8080:80"), ["::1|8080|80/tcp"]);
        assert_eq!(publish("0:80"), ["||80/tcp"]);
        assert_eq!(publish("8000-8001:80-81"), ["|8000|80/tcp", "|8001|81/tcp"]);
        assert_eq!(publish("8000-8010:80"), ["|8000-8010|80/tcp"]);
        assert_eq!(
            publish("target=80,published=8080,protocol=udp"),
            ["|8080|80/udp"]
        );
    }

    #[test]
    fn refuses_in_dockers_words() {
        let refuse = |text: &str| parse_publish(text).unwrap_err().to_string();
        assert_eq!(refuse("8080:"), "no port specified: 8080:<empty>");
        assert_eq!(refuse("8080:http"), "invalid containerPort: http");
        assert_eq!(refuse("http:80"), "invalid hostPort: http");
        assert_eq!(refuse("80/quic"), "invalid proto: quic");
        assert_eq!(refuse("localhost:80:80"), "invalid IP address: localhost");
        assert_eq!(
            refuse("8000-8005:80-81"),
            "invalid ranges specified for container and host Ports: 80-81 and 8000-8005"
        );
        assert!(parse_publish("99999:80").is_err());
        assert!(parse_publish("90-80:90-80").is_err());
        assert!("0/tcp".parse::<Port>().is_err());
    }

    #[test]
    fn exposes_ranges() {
        assert_eq!(parse_expose("7000-7002/udp").unwrap().len(), 3);
        assert!(parse_expose("7002-7000").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*", grammar in "[0-9:\\-/\\[\\]a-z=,]*") {
            for text in [text, grammar] {
                let _ = parse_publish(&text);
                let _ = parse_expose(&text);
                let _ = text.parse::<Port>();
            }
        }
    }
}
