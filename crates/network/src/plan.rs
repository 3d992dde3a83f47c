//! From what a user asks for to a network's definition: everything that can be refused is refused
//! here, before anything is made.

use std::collections::BTreeMap;
use std::net::IpAddr;

use gantry_netlink::Connection;

use crate::address::Cidr;
use crate::config::NetworkConfig;
use crate::definition::{Driver, NetworkInfo, Subnet};
use crate::error::{Error, Result};
use crate::options::{BridgeOptions, ChildOptions, GatewayMode};
use crate::{bridge, child, files, ipv6, subnet};

/// One address pool that was asked for, as the API has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolRequest {
    /// The subnet; empty: chosen here.
    pub subnet: String,
    /// The part of it that addresses are given out of.
    pub range: String,
    /// The gateway; empty: the first host address.
    pub gateway: String,
    /// Addresses that others use.
    pub auxiliary: BTreeMap<String, String>,
}

/// A network that is asked for, as the API has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// Its driver; empty is `bridge`.
    pub driver: String,
    /// `local`, or empty.
    pub scope: String,
    /// IPv4; on unless said.
    pub ipv4: Option<bool>,
    /// IPv6; on where the host reaches the world by it, unless said.
    pub ipv6: Option<bool>,
    /// Address pools.
    pub pools: Vec<PoolRequest>,
    /// Who manages addresses; empty is `default`.
    pub ipam_driver: String,
    /// Options of the address management.
    pub ipam_options: Option<BTreeMap<String, String>>,
    /// No way out.
    pub internal: bool,
    /// Kept for `inspect`.
    pub attachable: bool,
    /// Swarm's routing mesh.
    pub ingress: bool,
    /// A template for other networks.
    pub config_only: bool,
    /// The template to follow.
    pub config_from: String,
    /// Driver options.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// What there is already.
pub(crate) struct Surroundings<'a> {
    pub(crate) netlink: &'a Connection,
    pub(crate) config: &'a NetworkConfig,
    pub(crate) networks: &'a [NetworkInfo],
    /// A user's network that no container is on.
    pub(crate) unused: Option<&'a NetworkInfo>,
}

/// The longest name that is taken.
const LONGEST_NAME: usize = 255;

/// Checks a request and chooses what it leaves open.
pub(crate) fn plan(
    mut request: NetworkRequest,
    id: String,
    created: u64,
    around: &Surroundings<'_>,
) -> Result<NetworkInfo> {
    check_name(&request.name, around)?;
    check_unbuilt(&request)?;
    follow_template(&mut request, around)?;
    let driver = driver(&request)?;
    check_several(&request, driver)?;
    if request.config_from.is_empty() && !request.config_only {
        let defaults = around.config.default_options.get(driver.name());
        for (key, value) in defaults.into_iter().flatten() {
            let option = request.options.entry(key.clone());
            option.or_insert_with(|| value.clone());
        }
    }
    if driver == Driver::Bridge && !request.config_only {
        check_isolation(&request)?;
    }
    let with_ipv6 = wants_ipv6(&request, driver, around)?;
    check_families(&request, with_ipv6)?;
    let interface = interface(&request, driver, &id, around)?;
    let subnets = if request.config_only {
        asked_subnets(&request)?
    } else {
        subnets(&request, driver, with_ipv6, around)?
    };
    Ok(NetworkInfo {
        id,
        name: request.name,
        driver,
        created,
        ipv4: request.ipv4.unwrap_or(true),
        ipv6: with_ipv6,
        ipv6_asked: with_ipv6
            && (request.ipv6.is_some() || request.ipv4 == Some(false) || !request.pools.is_empty()),
        subnets,
        internal: request.internal,
        attachable: request.attachable,
        config_only: request.config_only,
        config_from: request.config_from,
        options: request.options,
        ipam_options: request.ipam_options,
        labels: request.labels,
        interface,
        made_parent: false,
    })
}

fn check_name(name: &str, around: &Surroundings<'_>) -> Result<()> {
    let refuse = |why: &str| Err(Error::InvalidRequest(format!("invalid name: {why}")));
    if name.trim().is_empty() {
        return refuse("name is empty");
    }
    if name.len() > LONGEST_NAME {
        return refuse("name is longer than 255 bytes");
    }
    if name.trim() != name || name.contains(|c: char| c.is_control() || c == '/') {
        return refuse(
            "slashes, control characters and spaces at its ends are not allowed in names",
        );
    }
    if matches!(name, "bridge" | "host" | "none" | "default" | "container")
        || name.starts_with("container:")
    {
        return Err(Error::NotPermitted(format!(
            "operation is not permitted on predefined {name} network "
        )));
    }
    if around.networks.iter().any(|network| network.name == name) {
        return Err(Error::NetworkExists(name.to_owned()));
    }
    Ok(())
}

fn check_unbuilt(request: &NetworkRequest) -> Result<()> {
    let forbid = |what: &str| Err(Error::NotPermitted(what.to_owned()));
    if request.ingress {
        return forbid("Ingress network can only be global scope network");
    }
    if !matches!(request.scope.as_str(), "" | "local") {
        return forbid("cannot create a swarm scoped network when swarm is not active");
    }
    if !matches!(request.ipam_driver.as_str(), "" | "default") {
        let driver = request.ipam_driver.chars().take(50);
        return Err(Error::UnknownDriver(driver.collect()));
    }
    if let Some((key, value)) = request.ipam_options.iter().flatten().next() {
        return Err(Error::InvalidRequest(format!(
            "unknown ipam option {key}={value}: the default ipam driver has none"
        )));
    }
    Ok(())
}

/// A bridge has one subnet of each family, also with Docker, whose words these are. On a wire that
/// others route, several are as good as one.
fn check_several(request: &NetworkRequest, driver: Driver) -> Result<()> {
    let subnets = request.pools.iter().map(|pool| pool.subnet.as_str());
    let (ipv6, ipv4): (Vec<&str>, Vec<&str>) = subnets
        .filter(|subnet| !subnet.is_empty())
        .partition(|subnet| subnet.contains(':'));
    if driver == Driver::Bridge && !request.config_only && (ipv4.len() > 1 || ipv6.len() > 1) {
        return Err(Error::NotPermitted(
            "bridge driver doesn't support multiple subnets".to_owned(),
        ));
    }
    Ok(())
}

/// Only an internal network can do without an address of its bridge.
fn check_isolation(request: &NetworkRequest) -> Result<()> {
    if BridgeOptions::parse(&request.options)?.isolates() && !request.internal {
        return Err(Error::InvalidRequest(
            "gateway mode 'isolated' can only be used for an internal network".to_owned(),
        ));
    }
    Ok(())
}

/// There must be addresses of some family.
fn check_families(request: &NetworkRequest, with_ipv6: bool) -> Result<()> {
    if request.ipv4 != Some(false) {
        return Ok(());
    }
    let pools = asked_subnets(request)?;
    if pools.iter().any(|pool| pool.subnet.is_ipv4()) {
        return Err(Error::InvalidRequest(
            "an IPv4 subnet was given, and IPv4 is switched off (--ipv4=false)".into(),
        ));
    }
    if !with_ipv6 {
        return Err(Error::InvalidRequest(
            "IPv4 or IPv6 must be enabled: give --ipv6 with --ipv4=false".into(),
        ));
    }
    Ok(())
}

/// Takes over what a config-only network says.
fn follow_template(request: &mut NetworkRequest, around: &Surroundings<'_>) -> Result<()> {
    if request.config_from.is_empty() {
        return Ok(());
    }
    if request.config_only {
        return Err(Error::InvalidRequest(
            "a configuration network cannot depend on another configuration network".into(),
        ));
    }
    let own = !request.pools.is_empty() || !request.options.is_empty() || request.internal;
    if own || request.ipv6 == Some(true) || request.ipv4 == Some(false) {
        return Err(Error::InvalidRequest(
            "user-specified configurations are not supported if the network depends on a configuration network".into(),
        ));
    }
    let template = around
        .networks
        .iter()
        .find(|n| n.name == request.config_from || n.id == request.config_from)
        .ok_or_else(|| Error::NoSuchTemplate(request.config_from.clone()))?;
    if !template.config_only {
        return Err(Error::NotPermitted(format!(
            "network {:?} is not a configuration network",
            template.name
        )));
    }
    request.config_from.clone_from(&template.name);
    request.options.clone_from(&template.options);
    request.internal = template.internal;
    request.ipv4 = Some(template.ipv4);
    request.ipv6 = Some(template.ipv6);
    request.pools = template.subnets.iter().map(pool_of).collect();
    for (key, value) in &template.labels {
        let label = request.labels.entry(key.clone());
        label.or_insert_with(|| value.clone());
    }
    Ok(())
}

fn pool_of(subnet: &Subnet) -> PoolRequest {
    let text = |address: &IpAddr| address.to_string();
    let auxiliary = subnet.auxiliary.iter();
    PoolRequest {
        subnet: subnet.subnet.to_string(),
        range: subnet.range.map(|r| r.to_string()).unwrap_or_default(),
        gateway: subnet.gateway.as_ref().map(text).unwrap_or_default(),
        auxiliary: auxiliary.map(|(k, v)| (k.clone(), text(v))).collect(),
    }
}

fn driver(request: &NetworkRequest) -> Result<Driver> {
    match request.driver.as_str() {
        "" | "bridge" => Ok(Driver::Bridge),
        "macvlan" => Ok(Driver::Macvlan),
        "ipvlan" => Ok(Driver::Ipvlan),
        name @ ("host" | "null") => Err(Error::NotPermitted(format!(
            "only one instance of \"{name}\" network is allowed"
        ))),
        // Docker's words outside of a swarm.
        "overlay" => Err(Error::NotPermitted(
            "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.".to_owned(),
        )),
        other => Err(Error::UnknownDriver(other.chars().take(50).collect())),
    }
}

fn wants_ipv6(request: &NetworkRequest, driver: Driver, around: &Surroundings<'_>) -> Result<bool> {
    let pools = asked_subnets(request)?;
    let asked = pools.iter().any(|pool| !pool.subnet.is_ipv4());
    match request.ipv6 {
        Some(false) if asked => Err(Error::InvalidRequest(
            "an IPv6 subnet was given, and IPv6 is switched off (--ipv6=false)".into(),
        )),
        Some(true) if !request.config_only && !ipv6::is_available() => Err(Error::InvalidRequest(
            "IPv6 was asked for, and this host's kernel has none or it is switched off".into(),
        )),
        Some(wanted) => Ok(wanted),
        None if asked => Ok(true),
        None if driver == Driver::Bridge && !request.config_only => {
            ipv6::reaches_the_world(around.netlink)
        }
        None => Ok(false),
    }
}

/// The bridge's or the parent's name.
fn interface(
    request: &NetworkRequest,
    driver: Driver,
    id: &str,
    around: &Surroundings<'_>,
) -> Result<String> {
    if request.config_only {
        return Ok(String::new());
    }
    if driver != Driver::Bridge {
        let options = ChildOptions::parse(driver, &request.options)?;
        let Some(parent) = &options.parent else {
            return Ok(child::own_parent(id));
        };
        child::check_fit(around.netlink, driver, parent)?;
        child::check_shared(parent, driver, &options, around.networks)?;
        return Ok(parent.clone());
    }
    let name = BridgeOptions::parse(&request.options)?
        .name
        .unwrap_or_else(|| format!("br-{}", id.get(..12).unwrap_or(id)));
    let holder = around.networks.iter().find(|n| n.interface == name);
    match holder {
        Some(other) => Err(Error::BridgeTaken {
            network: request.name.clone(),
            bridge: name,
            other: other.name.clone(),
        }),
        None => Ok(name),
    }
}

/// The pools that have a subnet, checked each by itself and against each other.
fn asked_subnets(request: &NetworkRequest) -> Result<Vec<Subnet>> {
    let mut subnets: Vec<Subnet> = Vec::new();
    for pool in &request.pools {
        if pool.subnet.is_empty() {
            if !pool.range.is_empty() || !pool.gateway.is_empty() || !pool.auxiliary.is_empty() {
                return Err(Error::InvalidRequest(
                    "invalid network config: an ip-range, a gateway or auxiliary addresses need a subnet".into(),
                ));
            }
            continue;
        }
        let subnet = one_subnet(pool)?;
        let mut others = subnets.iter();
        if let Some(other) = others.find(|other| other.subnet.overlaps(subnet.subnet)) {
            return Err(Error::PoolOverlaps {
                subnet: subnet.subnet.to_string(),
                other: other.subnet.to_string(),
                network: request.name.clone(),
            });
        }
        subnets.push(subnet);
    }
    Ok(subnets)
}

fn refuse_notation(what: &str, text: &str) -> Result<Cidr> {
    let text: String = text.chars().take(100).collect();
    Err(Error::InvalidRequest(format!(
        "invalid network config:\ninvalid {what} {text}: invalid CIDR block notation"
    )))
}

fn one_subnet(pool: &PoolRequest) -> Result<Subnet> {
    let refuse = |why: String| {
        Err(Error::InvalidRequest(format!(
            "invalid network config:\n{why}"
        )))
    };
    let given: Cidr = pool
        .subnet
        .parse()
        .or_else(|_| refuse_notation("subnet", &pool.subnet))?;
    let subnet = given.network();
    if subnet.address != given.address {
        return refuse(format!("invalid subnet {given}: it should be {subnet}"));
    }
    let inside = |text: &str, what: &str| -> Result<IpAddr> {
        let bare = text.split('/').next().unwrap_or(text);
        let address: IpAddr = bare.parse().map_err(|_| {
            Error::InvalidRequest(format!(
                "invalid network config:\ninvalid {what} {text}: invalid address"
            ))
        })?;
        if subnet.contains(address) {
            Ok(address)
        } else {
            Err(Error::InvalidRequest(format!(
                "invalid network config:\ninvalid {what} {address}: parent subnet {subnet} doesn't contain this address"
            )))
        }
    };
    let range = match pool.range.as_str() {
        "" => None,
        text => {
            let range: Cidr = text
                .parse()
                .or_else(|_| refuse_notation("ip-range", text))?;
            if range.prefix() < subnet.prefix() || !subnet.contains(range.address) {
                return refuse(format!(
                    "invalid ip-range {range}: parent subnet {subnet} doesn't contain ip-range"
                ));
            }
            Some(range.network())
        }
    };
    let gateway = match pool.gateway.as_str() {
        "" => None,
        text => Some(inside(text, "gateway")?),
    };
    let auxiliary = pool
        .auxiliary
        .iter()
        .map(|(name, text)| Ok((name.clone(), inside(text, "auxiliary address")?)));
    Ok(Subnet {
        subnet,
        range,
        gateway,
        auxiliary: auxiliary.collect::<Result<_>>()?,
        chosen: true,
    })
}

fn subnets(
    request: &NetworkRequest,
    driver: Driver,
    with_ipv6: bool,
    around: &Surroundings<'_>,
) -> Result<Vec<Subnet>> {
    let mut asked = asked_subnets(request)?;
    for subnet in &asked {
        check_overlap(subnet.subnet, around)?;
    }
    let has = |asked: &[Subnet], ipv4: bool| asked.iter().any(|s| s.subnet.is_ipv4() == ipv4);
    if !has(&asked, true) && request.ipv4 != Some(false) {
        asked.insert(0, chosen(true, request, around)?);
    }
    if with_ipv6 && !has(&asked, false) {
        asked.push(chosen(false, request, around)?);
    }
    asked.sort_by_key(|subnet| !subnet.subnet.is_ipv4());
    let routed = driver == Driver::Ipvlan
        && child::routes_itself(driver, &ChildOptions::parse(driver, &request.options)?);
    let bridge = (driver == Driver::Bridge).then(|| BridgeOptions::parse(&request.options));
    let bridge = bridge.transpose()?;
    for subnet in &mut asked {
        let ipv4 = subnet.subnet.is_ipv4();
        let isolated = bridge
            .as_ref()
            .is_some_and(|b| b.family(ipv4).gateway == GatewayMode::Isolated);
        if isolated {
            // Nobody is there; the address is as good as any other.
            subnet.gateway = None;
            continue;
        }
        let first = subnet.subnet.at(subnet.subnet.first() + 1);
        let fits = subnet.subnet.contains(first);
        if subnet.gateway.is_none() && !routed && fits {
            subnet.gateway = Some(first_free(subnet, first));
        }
    }
    Ok(asked)
}

/// The first host address that is nobody's.
fn first_free(subnet: &Subnet, mut candidate: IpAddr) -> IpAddr {
    while subnet.auxiliary.values().any(|taken| *taken == candidate) {
        candidate = subnet.subnet.at(crate::address::number(candidate) + 1);
    }
    candidate
}

fn check_overlap(asked: Cidr, around: &Surroundings<'_>) -> Result<()> {
    for network in around.networks.iter().filter(|n| !n.config_only) {
        for there in &network.subnets {
            if there.subnet.overlaps(asked) {
                return Err(Error::PoolOverlaps {
                    subnet: asked.to_string(),
                    other: there.subnet.to_string(),
                    network: network.name.clone(),
                });
            }
        }
    }
    Ok(())
}

/// A subnet that meets no route of the host, none of its name servers and no other network.
fn chosen(ipv4: bool, request: &NetworkRequest, around: &Surroundings<'_>) -> Result<Subnet> {
    let mut in_use = bridge::routes(around.netlink, None)?;
    let networks = around.networks.iter().filter(|n| !n.config_only);
    in_use.extend(networks.flat_map(|n| n.subnets.iter().map(|s| s.subnet)));
    let servers = files::HostServers::new().get();
    in_use.extend(
        servers
            .into_iter()
            .filter_map(|server| Cidr::new(server, if server.is_ipv4() { 32 } else { 128 })),
    );
    let pools = &around.config.default_address_pools;
    let found = if ipv4 {
        subnet::choose_small(pools, &in_use)
    } else {
        ipv6::own_prefix(&around.config.networks_dir)
            .and_then(|own| subnet::choose_ipv6(pools, own, &in_use))
    };
    found
        .map(Subnet::with_gateway)
        .ok_or_else(|| Error::PoolsExhausted {
            family: if ipv4 { "IPv4" } else { "IPv6" },
            network: format!("network {}", request.name),
            hint: room(around),
        })
}

/// What makes room for another network.
fn room(around: &Surroundings<'_>) -> String {
    let oldest = around.networks.iter().find(|n| !n.is_predefined());
    match (around.unused, oldest) {
        (Some(unused), _) => format!(
            "; remove networks that are not used (network prune), such as {}, or set default-address-pools",
            unused.name
        ),
        (None, Some(oldest)) => format!(
            "; all networks are in use: disconnect the containers of one and remove it, such as {}, or set default-address-pools",
            oldest.name
        ),
        (None, None) => "; set default-address-pools".to_owned(),
    }
}
