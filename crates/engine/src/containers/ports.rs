//! Published ports: from the API's maps to requests, and back for inspect.

use std::collections::BTreeMap;
use std::net::IpAddr;

use gantry_api_types::{HostConfig, PortBinding, PortMap};
use gantry_network::{BoundPort, HostPort, PortRequest, Protocol};

use crate::Error;

/// `80/tcp`, or `80`.
pub(crate) fn container_port(text: &str) -> Result<(u16, Protocol), Error> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        other => {
            return Err(Error::Invalid(format!(
                "invalid port specification {text:?}: unknown protocol {other:?}"
            )));
        }
    };
    let number = number
        .parse()
        .map_err(|_| Error::Invalid(format!("invalid port specification: {text:?}")))?;
    Ok((number, protocol))
}

/// What is to be published for a container.
pub(crate) fn requests(
    host: &HostConfig,
    exposed: impl Iterator<Item = impl AsRef<str>>,
) -> Result<Vec<PortRequest>, Error> {
    let mut wanted = Vec::new();
    let given = host.port_bindings.clone().unwrap_or_default();
    for (port, bindings) in &given {
        let (container_port, protocol) = container_port(port)?;
        let bindings = match bindings.as_deref() {
            None | Some([]) => &[PortBinding::default()][..],
            Some(list) => list,
        };
        for binding in bindings {
            let host_ip = host_ip(&binding.host_ip)?;
            let host_port = host_port(&binding.host_port)?;
            wanted.push(PortRequest {
                host_ip,
                host_port,
                container_port,
                protocol,
            });
        }
    }
    if host.publish_all_ports {
        for port in exposed {
            if !given.contains_key(port.as_ref()) {
                let (container_port, protocol) = container_port(port.as_ref())?;
                wanted.push(PortRequest {
                    host_ip: None,
                    host_port: HostPort::Any,
                    container_port,
                    protocol,
                });
            }
        }
    }
    Ok(wanted)
}

fn host_ip(text: &str) -> Result<Option<IpAddr>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let address = text
        .trim_matches(['[', ']'])
        .parse()
        .map_err(|_| Error::Invalid(format!("invalid IP address in port binding: {text:?}")))?;
    Ok(Some(address))
}

fn host_port(text: &str) -> Result<HostPort, Error> {
    let invalid = || Error::Invalid(format!("invalid host port in port binding: {text:?}"));
    if matches!(text, "" | "0") {
        return Ok(HostPort::Any);
    }
    match text.split_once('-') {
        None => Ok(HostPort::Exact(text.parse().map_err(|_| invalid())?)),
        Some((first, last)) => Ok(HostPort::Range(
            first.parse().map_err(|_| invalid())?,
            last.parse().map_err(|_| invalid())?,
        )),
    }
}

/// Exposed and published ports as inspect shows them.
pub(crate) fn map(exposed: impl Iterator<Item = impl AsRef<str>>, bound: &[BoundPort]) -> PortMap {
    let mut map: PortMap = exposed
        .map(|port| (port.as_ref().to_owned(), None))
        .collect();
    let mut published: BTreeMap<String, Vec<PortBinding>> = BTreeMap::new();
    for port in bound {
        published
            .entry(format!("{}/{}", port.container_port, port.protocol))
            .or_default()
            .push(PortBinding {
                host_ip: port.host_ip.to_string(),
                host_port: if port.is_open() {
                    String::new()
                } else {
                    port.host_port.to_string()
                },
            });
    }
    map.extend(
        published
            .into_iter()
            .map(|(port, bindings)| (port, Some(bindings))),
    );
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(host_ip: &str, host_port: &str) -> HostConfig {
        let binding = PortBinding {
            host_ip: host_ip.into(),
            host_port: host_port.into(),
        };
        HostConfig {
            port_bindings: Some(PortMap::from([("80/tcp".into(), Some(vec![binding]))])),
            ..HostConfig::default()
        }
    }

    #[test]
    fn bindings_become_requests() {
        let none = std::iter::empty::<&str>();
        let wanted = requests(&one("127.0.0.1", "8080"), none).unwrap();
        assert_eq!(wanted[0].host_ip, Some(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(wanted[0].host_port, HostPort::Exact(8080));
        let range = requests(&one("", "8000-8010"), std::iter::empty::<&str>()).unwrap();
        assert_eq!(range[0].host_port, HostPort::Range(8000, 8010));
        assert!(requests(&one("", "x"), std::iter::empty::<&str>()).is_err());
        assert!(requests(&one("1.2.3", "1"), std::iter::empty::<&str>()).is_err());
    }

    #[test]
    fn all_exposed_ports_are_published_when_asked_for() {
        let host = HostConfig {
            publish_all_ports: true,
            ..HostConfig::default()
        };
        assert_eq!(
            requests(&host, ["80/tcp", "53/udp"].iter()).unwrap().len(),
            2
        );
    }
}
