//! How registries are reached.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::Error;

/// Settings; the fields are named after daemon.json's keys.
#[derive(Debug, Clone)]
pub struct Config {
    /// `registry-mirrors`: base URLs that are asked first for what lies on docker.io.
    pub registry_mirrors: Vec<String>,
    /// `insecure-registries`: `host`, `host:port` or a network such as `10.0.0.0/8`.
    pub insecure_registries: Vec<String>,
    /// Certificates per registry: `<dir>/<host[:port]>/*.crt`, and `*.cert` with `*.key`.
    pub certs_dir: PathBuf,
    /// Proxies; `None` takes them from the environment.
    pub proxies: Option<Proxies>,
    /// What we call ourselves.
    pub user_agent: String,
}

/// `proxies` of daemon.json.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http:` URLs.
    pub http_proxy: Option<String>,
    /// For `https:` URLs.
    pub https_proxy: Option<String>,
    /// Hosts, domains and networks that are reached directly.
    pub no_proxy: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            registry_mirrors: Vec::new(),
            insecure_registries: Vec::new(),
            certs_dir: "/etc/docker/certs.d".into(),
            proxies: None,
            user_agent: concat!("gantry/", env!("CARGO_PKG_VERSION")).into(),
        }
    }
}

impl Proxies {
    /// The usual variables, in either case.
    pub(crate) fn from_env() -> Self {
        let variable = |name: &str| {
            [name.to_owned(), name.to_lowercase()]
                .iter()
                .find_map(|name| std::env::var(name).ok())
                .filter(|value| !value.is_empty())
        };
        Self {
            http_proxy: variable("HTTP_PROXY"),
            https_proxy: variable("HTTPS_PROXY"),
            no_proxy: variable("NO_PROXY"),
        }
    }
}

/// The registries that need no valid certificate, or no TLS at all.
#[derive(Debug, Default)]
pub(crate) struct Insecure {
    hosts: Vec<String>,
    networks: Vec<(IpAddr, u8)>,
}

impl Insecure {
    pub(crate) fn parse(entries: &[String]) -> Result<Self, Error> {
        let mut insecure = Self::default();
        for entry in entries {
            if let Some((address, bits)) = entry.split_once('/') {
                let network = address.parse().ok().zip(bits.parse().ok());
                let network = network.filter(|(address, bits)| *bits <= width(address));
                let wrong = || {
                    Error::Config(format!(
                        "insecure registry {entry:?} is not host, host:port or address/bits"
                    ))
                };
                insecure.networks.push(network.ok_or_else(wrong)?);
            } else {
                insecure.hosts.push(entry.to_ascii_lowercase());
            }
        }
        Ok(insecure)
    }

    /// Whether a registry is one of them; `addresses` are those known without asking DNS.
    pub(crate) fn covers(&self, domain: &str, addresses: &[IpAddr]) -> bool {
        let domain = domain.to_ascii_lowercase();
        let (host, _) = split_port(&domain);
        self.hosts
            .iter()
            .any(|entry| *entry == domain || *entry == host)
            || addresses.iter().any(|address| {
                self.networks
                    .iter()
                    .any(|(network, bits)| contains(network, *bits, address))
            })
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`; the host without brackets.
pub(crate) fn split_port(domain: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = domain
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return (host, rest.strip_prefix(':'));
    }
    domain
        .split_once(':')
        .map_or((domain, None), |(host, port)| (host, Some(port)))
}

const fn width(address: &IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn contains(network: &IpAddr, bits: u8, address: &IpAddr) -> bool {
    let number = |address: &IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let shift = u32::from(width(network) - bits);
    width(network) == width(address)
        && number(network).checked_shr(shift) == number(address).checked_shr(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insecure_registries_are_hosts_or_networks() {
        let entries = ["reg.test:5000", "plain.test", "10.1.0.0/16", "::/0"].map(String::from);
        let insecure = Insecure::parse(&entries).unwrap();
        assert!(insecure.covers("reg.test:5000", &[]));
        assert!(!insecure.covers("reg.test:5001", &[]));
        assert!(insecure.covers("Plain.test:1", &[]));
        assert!(insecure.covers("x", &["10.1.2.3".parse().unwrap()]));
        assert!(!insecure.covers("x", &["10.2.2.3".parse().unwrap()]));
        assert!(insecure.covers("x", &["::5".parse().unwrap()]));
        assert!(Insecure::parse(&["10.0.0.0/33".into()]).is_err());
    }
}
