//! Which networks a container is to be on, and as whom.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gantry_api_types::{ContainerCreateRequest, EndpointSettings, HostConfig, NetworkingConfig};
use gantry_network::{
    Driver, EndpointRequest, EndpointState, Link, NetworkInfo, Networks, Protocol,
};

use super::Record;
use crate::Error;

/// Endpoint sysctls, as Docker has them among an endpoint's driver options.
const SYSCTLS: &str = "com.docker.network.endpoint.sysctls";
/// The interface's name in the container.
const IFNAME: &str = "com.docker.network.endpoint.ifname";

/// A network that a container is to be on.
#[derive(Debug, Clone)]
pub(crate) struct Attachment {
    pub network: NetworkInfo,
    pub wishes: EndpointSettings,
}

/// Checks a new container's networks, and writes them down under their names: from then on
/// `networking` is the whole truth.
pub(super) fn normalise(
    request: &mut ContainerCreateRequest,
    networks: &Networks,
) -> Result<(), Error> {
    let mode = request.host_config.network_mode.clone();
    let given = request.networking_config.endpoints_config.take();
    let given = given.unwrap_or_default();
    if request.config.network_disabled {
        request.networking_config = NetworkingConfig::default();
        return Ok(());
    }
    if mode.starts_with("container:") {
        if !given.is_empty() {
            return Err(Error::Invalid(
                "container sharing network namespace with another container or host cannot be connected to any other network".into(),
            ));
        }
        request.networking_config = NetworkingConfig::default();
        return Ok(());
    }
    let own = known(networks, &mode)?;
    let own_name = own.as_ref().map_or(&mode, |own| &own.name).clone();
    well_formed(&request.config.mac_address, &mode)?;
    let mut wanted: BTreeMap<String, Option<Box<EndpointSettings>>> = BTreeMap::new();
    for (text, wishes) in given {
        let wishes = wishes.unwrap_or_default();
        let name = match known(networks, &text)? {
            Some(network) => {
                check(&network, &wishes).map_err(|e| {
                    Error::Invalid(format!("invalid config for network {text}: {e}"))
                })?;
                network.name
            }
            None => text,
        };
        if wanted.insert(name.clone(), Some(wishes)).is_some() {
            return Err(Error::Invalid(format!(
                "network {name:?} is specified multiple times"
            )));
        }
    }
    let alone = matches!(own_name.as_str(), "host" | "none");
    if alone && wanted.keys().any(|name| *name != own_name) {
        return Err(Error::Invalid(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
                .into(),
        ));
    }
    let predefined = own.as_ref().is_some_and(NetworkInfo::is_predefined);
    if wanted.is_empty() || !predefined {
        wanted
            .entry(own_name)
            .or_insert_with(|| Some(Box::default()));
    }
    check_sctp(&request.host_config, wanted.keys(), networks)?;
    if let Some(own) = own
        && !predefined
        && mode != own.name
        && !own.id.starts_with(&mode)
    {
        request.host_config.network_mode = own.name;
    }
    request.networking_config = NetworkingConfig {
        endpoints_config: Some(wanted),
    };
    Ok(())
}

/// Refuses SCTP ports at an address of a family that none of the networks has: the kernel
/// translates only within one, and nobody passes SCTP on.
fn check_sctp<'a>(
    host: &HostConfig,
    names: impl Iterator<Item = &'a String>,
    networks: &Networks,
) -> Result<(), Error> {
    // What is malformed is told when the container starts, as Docker does.
    let Ok(mut wanted) = super::ports::requests(host, std::iter::empty::<&str>()) else {
        return Ok(());
    };
    wanted.retain(|port| port.protocol == Protocol::Sctp);
    if wanted.is_empty() {
        return Ok(());
    }
    let mut known_ones = Vec::new();
    for name in names {
        // One that is not there yet may have both families.
        let Some(network) = known(networks, name)? else {
            return Ok(());
        };
        known_ones.push(network);
    }
    if known_ones.iter().all(|n| n.driver != Driver::Bridge) {
        return Ok(());
    }
    let stranded = wanted.iter().find_map(|port| {
        let ip = port.host_ip?;
        let reached = known_ones.iter().any(|n| n.subnet(ip.is_ipv4()).is_some());
        (!reached).then_some((ip, port.container_port))
    });
    let Some((ip, port)) = stranded else {
        return Ok(());
    };
    let (family, other) = if ip.is_ipv4() {
        ("IPv4", "IPv6")
    } else {
        ("IPv6", "IPv4")
    };
    Err(Error::Invalid(format!(
        "port {port}/sctp cannot be published on {ip}: the container has no {family} address, and SCTP is not passed on between families; publish it on an {other} address or use a network with {family}"
    )))
}

/// The network, if it is here. One that is not may be made before the container starts, which
/// fails otherwise.
fn known(networks: &Networks, text: &str) -> Result<Option<NetworkInfo>, Error> {
    match networks.find(text) {
        Ok(network) => Ok(Some(network)),
        Err(gantry_network::Error::NoSuchNetwork(_)) => Ok(None),
        Err(e) => Err(Error::Networks(e)),
    }
}

/// The container's own hardware address is that of its first network.
fn well_formed(mac: &str, network: &str) -> Result<(), Error> {
    let parsed: Result<gantry_network::MacAddress, _> = mac.parse();
    if mac.is_empty() || parsed.is_ok() {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "invalid config for network {network}: invalid MAC address {mac}"
    )))
}

/// Refuses wishes that the network cannot fulfil.
pub(super) fn check(network: &NetworkInfo, wishes: &EndpointSettings) -> Result<(), Error> {
    let has_names = network.has_names();
    if !has_names && wishes.aliases.as_ref().is_some_and(|a| !a.is_empty()) {
        return Err(Error::Invalid(
            "invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks".into(),
        ));
    }
    let (ipv4, ipv6) = fixed_addresses(wishes)?;
    if (ipv4.is_some() || ipv6.is_some()) && !has_names {
        return Err(Error::Invalid(
            "invalid endpoint settings:\nuser specified IP address is supported on user defined networks only".into(),
        ));
    }
    let chosen = |ipv4| network.subnet(ipv4).is_none_or(|subnet| subnet.chosen);
    if (ipv4.is_some() && !chosen(true)) || (ipv6.is_some() && !chosen(false)) {
        return Err(Error::Networks(gantry_network::Error::AddressNeedsSubnet));
    }
    for address in [ipv4.map(IpAddr::from), ipv6.map(IpAddr::from)] {
        check_inside(network, address)?;
    }
    if !wishes.mac_address.is_empty() {
        let parsed: Result<gantry_network::MacAddress, _> = wishes.mac_address.parse();
        parsed
            .map_err(|_| Error::Invalid(format!("invalid MAC address {}", wishes.mac_address)))?;
    }
    driver_options(wishes).map(drop)
}

/// A fixed address lies in a subnet of its family, if the network has any.
fn check_inside(network: &NetworkInfo, address: Option<IpAddr>) -> Result<(), Error> {
    let Some(address) = address else {
        return Ok(());
    };
    let subnets = network.subnets.iter().map(|subnet| subnet.subnet);
    let of_family: Vec<_> = subnets
        .filter(|subnet| subnet.is_ipv4() == address.is_ipv4())
        .collect();
    if of_family.is_empty() || of_family.iter().any(|subnet| subnet.contains(address)) {
        return Ok(());
    }
    let texts: Vec<_> = of_family.iter().map(ToString::to_string).collect();
    Err(Error::Networks(gantry_network::Error::AddressOutside {
        ip: address,
        subnet: texts.join(", "),
        network: network.name.clone(),
    }))
}

fn fixed_addresses(
    wishes: &EndpointSettings,
) -> Result<(Option<Ipv4Addr>, Option<Ipv6Addr>), Error> {
    let Some(ipam) = &wishes.ipam_config else {
        return Ok((None, None));
    };
    let invalid = |text: &str, family| {
        Error::Invalid(format!(
            "invalid endpoint settings:\ninvalid {family} address: {text}"
        ))
    };
    let ipv4 = match ipam.ipv4_address.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| invalid(text, "IPv4"))?),
    };
    let ipv6 = match ipam.ipv6_address.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| invalid(text, "IPv6"))?),
    };
    Ok((ipv4, ipv6))
}

fn link_local(wishes: &EndpointSettings) -> Result<Vec<IpAddr>, Error> {
    let given = wishes
        .ipam_config
        .iter()
        .flat_map(|ipam| &ipam.link_local_ips);
    given
        .map(|text| {
            text.parse()
                .map_err(|_| Error::Invalid(format!("invalid link-local IP address: {text}")))
        })
        .collect()
}

/// Paths below /proc/sys, and values.
type Sysctls = Vec<(String, String)>;

/// The sysctls and the interface's name among an endpoint's driver options; others are refused.
fn driver_options(wishes: &EndpointSettings) -> Result<(Sysctls, Option<String>), Error> {
    let mut sysctls = Vec::new();
    let mut interface = None;
    for (key, value) in wishes.driver_opts.iter().flatten() {
        match key.as_str() {
            SYSCTLS => {
                for setting in value.split(',').filter(|setting| !setting.is_empty()) {
                    sysctls.push(sysctl(setting)?);
                }
            }
            IFNAME => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                if value.is_empty() || value.len() > 15 || !value.chars().all(plain) {
                    return Err(Error::Invalid(format!(
                        "invalid value {value:?} for endpoint option {key}"
                    )));
                }
                interface = Some(value.clone());
            }
            _ => {
                return Err(Error::Invalid(format!(
                    "unknown endpoint driver option {key}={value}"
                )));
            }
        }
    }
    Ok((sysctls, interface))
}

/// `net.ipv4.conf.IFNAME.log_martians=1` as a path below /proc/sys and a value.
fn sysctl(setting: &str) -> Result<(String, String), Error> {
    let invalid = || Error::Invalid(format!("invalid endpoint sysctl {setting:?}"));
    let (key, value) = setting.split_once('=').ok_or_else(invalid)?;
    let words: Vec<&str> = key.split('.').collect();
    let plain = |word: &&str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    match words[..] {
        ["net", "ipv4" | "ipv6" | "mpls", kind, "IFNAME", _] if !kind.is_empty() => {}
        _ => return Err(invalid()),
    }
    if !words.iter().all(plain) {
        return Err(invalid());
    }
    Ok((words.join("/"), value.to_owned()))
}

/// The networks a container is to be on: that of its network mode first, then by name.
pub(crate) fn of(record: &Record, networks: &Networks) -> Result<Vec<Attachment>, Error> {
    let wanted = record.networking.endpoints_config.iter().flatten();
    let mut attachments = Vec::new();
    for (name, wishes) in wanted {
        attachments.push(Attachment {
            network: networks.find(name)?,
            wishes: wishes.as_deref().cloned().unwrap_or_default(),
        });
    }
    let mode = record.host_config.network_mode.as_str();
    attachments.sort_by_key(|a| a.network.name != mode && !a.network.id.starts_with(mode));
    Ok(attachments)
}

impl Attachment {
    /// What the network is asked for.
    pub(crate) fn request(&self, record: &Record) -> Result<EndpointRequest, Error> {
        let (ip, ipv6) = fixed_addresses(&self.wishes)?;
        let mode = record.host_config.network_mode.as_str();
        let is_own = self.network.name == mode || self.network.id.starts_with(mode);
        let mac = [&self.wishes.mac_address, &record.config.mac_address];
        let mac = mac
            .into_iter()
            .take(if is_own { 2 } else { 1 })
            .find(|mac| !mac.is_empty())
            .map(|mac| mac.parse())
            .transpose()?;
        let (sysctls, interface) = driver_options(&self.wishes)?;
        Ok(EndpointRequest {
            container_id: record.id.clone(),
            network: self.network.id.clone(),
            mac,
            ip,
            ipv6,
            link_local: link_local(&self.wishes)?,
            gateway_priority: self.wishes.gw_priority,
            names: self.names(record),
            sysctls,
            interface,
            ..EndpointRequest::default()
        })
    }

    /// What the container is called on this network: Docker's names in Docker's order.
    pub(crate) fn names(&self, record: &Record) -> Vec<String> {
        if !self.network.has_names() {
            return Vec::new();
        }
        let aliases = self.wishes.aliases.iter().flatten().cloned();
        let short = record.id.get(..12).unwrap_or(&record.id).to_owned();
        let all = std::iter::once(record.name.clone())
            .chain(aliases)
            .chain([short, record.config.hostname.clone()]);
        let mut names: Vec<String> = Vec::new();
        for name in all {
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether ports can be published by it.
    pub(crate) fn publishes(&self) -> bool {
        self.network.driver == Driver::Bridge && !self.network.internal
    }
}

/// Where a network stands among those that could give the default route or publish ports: the
/// highest priority first, then by name.
pub(crate) fn rank(priority: i64, name: &str) -> (std::cmp::Reverse<i64>, String) {
    (std::cmp::Reverse(priority), name.to_owned())
}

/// Endpoints, the one that shall give the default route first.
pub(crate) fn best_first(endpoints: &[EndpointState]) -> Vec<&EndpointState> {
    let mut sorted: Vec<&EndpointState> = endpoints.iter().collect();
    sorted.sort_by_key(|e| rank(e.gateway_priority, &e.network_name));
    sorted
}

/// The names that only this container uses on each of its networks: `--link other:own`.
pub(crate) fn links(record: &Record) -> Vec<Link> {
    let mut links = Vec::new();
    for (network, wishes) in record.networking.endpoints_config.iter().flatten() {
        for text in wishes.iter().flat_map(|w| w.links.iter().flatten()) {
            let (other, own) = text.split_once(':').unwrap_or((text, text));
            links.push(Link {
                network: network.clone(),
                own: own.to_owned(),
                other: other.to_owned(),
            });
        }
    }
    links
}
