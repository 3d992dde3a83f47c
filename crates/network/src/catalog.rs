//! Making, finding and removing networks.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::definition::{Driver, NetworkInfo, Subnet};
use crate::error::{Error, Result};
use crate::firewall::Segment;
use crate::identity::random_id;
use crate::net::{Means, Net};
use crate::networks::{Networks, Undo, read, write};
use crate::options::ChildOptions;
use crate::plan::{NetworkRequest, Surroundings, plan};
use crate::{child, options};

impl Networks {
    /// Makes a network. All or nothing.
    pub fn create(&self, request: NetworkRequest) -> Result<NetworkInfo> {
        // One at a time: what is chosen must be free until it is taken.
        let _creating = crate::networks::lock(&self.creating);
        let there = self.networks();
        let around = Surroundings {
            netlink: &self.netlink,
            config: &self.config,
            networks: &there,
            unused: there.iter().find(|n| self.is_idle(n)),
        };
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64);
        let mut info = plan(request, random_id()?, created, &around)?;
        // What a crash leaves of the making is taken for ours, if it is not there yet.
        info.made_parent = self.lacks_parent(&info)? || shares_made_parent(&info, &there);
        self.store.write(&info)?;
        let record = Undo::new(|| drop(self.store.remove(&info.id)));
        self.make_parent(&info)?;
        let parent = Undo::new(|| drop(self.remove_means(&info)));
        let net = Arc::new(Net::open(&self.netlink, &self.config, info.clone())?);
        if let Some(segment) = net.segment() {
            self.firewall.add_segment(&segment)?;
        }
        write(&self.nets).push(net);
        parent.keep();
        record.keep();
        Ok(info)
    }

    fn lacks_parent(&self, info: &NetworkInfo) -> Result<bool> {
        let shared = matches!(info.driver, Driver::Macvlan | Driver::Ipvlan) && !info.config_only;
        Ok(shared && child::is_missing(&self.netlink, &info.interface)?)
    }

    fn make_parent(&self, info: &NetworkInfo) -> Result<()> {
        if info.config_only || !matches!(info.driver, Driver::Macvlan | Driver::Ipvlan) {
            return Ok(());
        }
        let options = ChildOptions::parse(info.driver, &info.options)?;
        child::ensure_parent(&self.netlink, &info.interface, options.parent.is_none()).map(drop)
    }

    /// Removes what a network needs on the host, where it is ours.
    fn remove_means(&self, info: &NetworkInfo) -> Result<()> {
        let used = read(&self.nets)
            .iter()
            .any(|net| net.info.interface == info.interface && net.info.id != info.id);
        match info.driver {
            Driver::Bridge if !info.interface.is_empty() => {
                crate::bridge::delete_link(&self.netlink, &info.interface)
            }
            Driver::Macvlan | Driver::Ipvlan if info.interface == child::own_parent(&info.id) => {
                self.retired.add(&self.netlink, &info.interface, &[])?;
                self.reaper.sweep();
                Ok(())
            }
            // At once: as long as it is there, its number is taken on the interface below it.
            Driver::Macvlan | Driver::Ipvlan if info.made_parent && !used => {
                child::remove_parent(&self.netlink, &info.interface)
            }
            _ => Ok(()),
        }
    }

    /// The default networks `bridge`, `host` and `none`, then users' networks, the oldest first.
    pub fn networks(&self) -> Vec<NetworkInfo> {
        read(&self.nets)
            .iter()
            .map(|net| net.info.clone())
            .collect()
    }

    /// A network by its name, its ID or a part of that from the start.
    pub fn find(&self, text: &str) -> Result<NetworkInfo> {
        self.net(text).map(|net| net.info.clone())
    }

    /// The ID of the network that [`Self::find`] finds.
    pub fn id_of(&self, text: &str) -> Option<String> {
        self.net(text).ok().map(|net| net.info.id.clone())
    }

    /// A network by its name, its ID or a part of that from the start; empty is the default bridge.
    pub(crate) fn net(&self, text: &str) -> Result<Arc<Net>> {
        let nets = read(&self.nets);
        let name = if matches!(text, "" | "default") {
            "bridge"
        } else {
            text
        };
        let exact = |net: &&Arc<Net>| net.info.name == name || net.info.id == name;
        if let Some(net) = nets.iter().find(exact) {
            return Ok(Arc::clone(net));
        }
        let matching: Vec<_> = nets
            .iter()
            .filter(|net| net.info.id.starts_with(name))
            .collect();
        match matching[..] {
            [] => Err(Error::NoSuchNetwork(name.to_owned())),
            [net] => Ok(Arc::clone(net)),
            _ => Err(Error::AmbiguousNetwork(name.to_owned(), matching.len())),
        }
    }

    /// Removes a network that no endpoint is on; `name_of` gives containers' names.
    pub fn remove(
        &self,
        text: &str,
        name_of: impl Fn(&str) -> Option<String>,
    ) -> Result<NetworkInfo> {
        let net = self.net(text)?;
        let info = &net.info;
        if info.is_predefined() {
            return Err(Error::NotPermitted(format!(
                "{} is a pre-defined network and cannot be removed",
                info.name
            )));
        }
        self.check_dependants(info)?;
        let mut gone = net
            .gone
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let holders = self.holders(&info.id, name_of);
        if !holders.is_empty() {
            return Err(Error::NetworkInUse {
                network: info.name.clone(),
                holders,
            });
        }
        if *gone {
            return Err(Error::NoSuchNetwork(text.to_owned()));
        }
        if let Some(segment) = net.segment() {
            self.firewall.remove_segment(&segment)?;
        }
        match &net.means {
            Means::Bridge(bridge, _) => bridge.retire(&self.netlink, self.retired)?,
            _ => self.remove_means(info)?,
        }
        self.reaper.sweep();
        // Last, so that a bridge always has a record.
        self.store.remove(&info.id)?;
        *gone = true;
        write(&self.nets).retain(|other| other.info.id != info.id);
        Ok(info.clone())
    }

    fn check_dependants(&self, info: &NetworkInfo) -> Result<()> {
        let user = self
            .networks()
            .into_iter()
            .find(|network| info.config_only && network.config_from == info.name);
        match user {
            Some(user) => Err(Error::NotPermitted(format!(
                "configuration network {:?} is in use by network {}",
                info.name, user.name
            ))),
            None => Ok(()),
        }
    }

    fn holders(&self, network: &str, name_of: impl Fn(&str) -> Option<String>) -> String {
        let live = crate::networks::lock(&self.live);
        let holders = live
            .values()
            .filter(|endpoint| endpoint.network_id == network);
        let texts = holders.map(|endpoint| {
            let id = &endpoint.container_id;
            let name = name_of(id).unwrap_or_else(|| "unknown".to_owned());
            format!("name:{name:?} id:{:?}", id.get(..12).unwrap_or(id))
        });
        texts.collect::<Vec<_>>().join(", ")
    }

    /// Whether it is a user's network with subnets of its own, and no endpoint is on it.
    fn is_idle(&self, network: &NetworkInfo) -> bool {
        let takes_room = !network.is_predefined() && !network.config_only;
        takes_room && !self.is_used(&network.id)
    }

    /// Whether an endpoint is on the network.
    pub fn is_used(&self, network: &str) -> bool {
        let live = crate::networks::lock(&self.live);
        live.values().any(|endpoint| endpoint.network_id == network)
    }

    /// All networks as the firewall sees them.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        read(&self.nets)
            .iter()
            .filter_map(|net| net.segment())
            .collect()
    }
}

/// Whether its parent was made for another network: it goes with the last of them.
fn shares_made_parent(info: &NetworkInfo, others: &[NetworkInfo]) -> bool {
    let mut sharing = others.iter().filter(|n| n.interface == info.interface);
    matches!(info.driver, Driver::Macvlan | Driver::Ipvlan)
        && !info.config_only
        && sharing.any(|n| n.made_parent)
}

/// The networks that are always there.
pub(crate) fn predefined(
    identity: &crate::identity::Identity,
    bridge: crate::bridge::Bridge,
    config: &crate::NetworkConfig,
) -> Result<Vec<Net>> {
    let plain = |id: &str, name: &str, driver| NetworkInfo {
        id: id.to_owned(),
        name: name.to_owned(),
        driver,
        created: identity.created_nanos(),
        subnets: Vec::new(),
        ipv4: true,
        ipv6: false,
        ipv6_asked: false,
        internal: false,
        attachable: false,
        config_only: false,
        config_from: String::new(),
        options: std::collections::BTreeMap::new(),
        ipam_options: None,
        labels: std::collections::BTreeMap::new(),
        interface: String::new(),
        made_parent: false,
    };
    let default = NetworkInfo {
        subnets: bridge
            .gateways
            .iter()
            .map(|gateway| of_default_bridge(*gateway, config))
            .collect::<Result<_>>()?,
        options: options::of_default_bridge(&bridge, config),
        ipv6: config.ipv6,
        ipv6_asked: config.ipv6,
        interface: bridge.name.clone(),
        ..plain(&identity.bridge, "bridge", Driver::Bridge)
    };
    let mut own = options::BridgeOptions::parse(&std::collections::BTreeMap::new())?;
    (own.icc, own.masquerade) = (config.icc, config.masquerade);
    Ok(vec![
        Net::new(default, Means::Bridge(bridge, own)),
        Net::new(plain(&identity.host, "host", Driver::Host), Means::None),
        Net::new(plain(&identity.none, "none", Driver::Null), Means::None),
    ])
}

/// The default bridge's subnet with what the configuration says of it.
fn of_default_bridge(gateway: crate::Cidr, config: &crate::NetworkConfig) -> Result<Subnet> {
    let mut subnet = Subnet::with_gateway(gateway);
    let ipv4 = gateway.is_ipv4();
    let (range, router) = if ipv4 {
        (config.fixed_cidr, config.default_gateway.map(Into::into))
    } else {
        let router: Option<std::net::IpAddr> = config.default_gateway_v6.map(Into::into);
        (config.fixed_cidr_v6, router)
    };
    let suffix = if ipv4 { "" } else { "-v6" };
    let outside = |what: &str, value: String| {
        Error::InvalidRequest(format!(
            "{what}{suffix} {value} is not within the default bridge's subnet {}",
            subnet.subnet
        ))
    };
    if let Some(range) = range {
        let inside = range.prefix() >= subnet.subnet.prefix();
        if !inside || !subnet.subnet.contains(range.network().address) {
            return Err(outside("fixed-cidr", range.to_string()));
        }
    }
    if let Some(router) = router {
        if !subnet.subnet.contains(router) {
            return Err(outside("default-gateway", router.to_string()));
        }
        let name = crate::definition::router_name(ipv4).to_owned();
        subnet.auxiliary.insert(name, router);
    }
    subnet.range = range
        .map(crate::Cidr::network)
        .filter(|range| *range != subnet.subnet);
    Ok(subnet)
}
