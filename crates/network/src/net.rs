//! One network at work: its definition, its bridge, its addresses.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError, RwLock};

use gantry_netlink::Connection;

use crate::addresses::{Addresses, Taken};
use crate::bridge::Bridge;
use crate::config::NetworkConfig;
use crate::definition::{Driver, NetworkInfo, Subnet};
use crate::endpoint::{EndpointRequest, EndpointState, Lease};
use crate::error::{Error, Result};
use crate::firewall::{Segment, Side};
use crate::options::{BridgeOptions, ChildOptions, GatewayMode};
use crate::ports::Way;

/// What the driver needs.
#[derive(Debug)]
pub(crate) enum Means {
    /// A bridge of ours.
    Bridge(Bridge, BridgeOptions),
    /// A host interface that is shared.
    Child(ChildOptions),
    /// Nothing.
    None,
}

/// A network at work.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) info: NetworkInfo,
    pub(crate) means: Means,
    addresses: Vec<Mutex<Addresses>>,
    /// Held by whoever connects; written when the network goes: then it is true.
    pub(crate) gone: RwLock<bool>,
}

impl Net {
    pub(crate) fn new(info: NetworkInfo, means: Means) -> Self {
        let pool = |subnet| Mutex::new(Addresses::new(&info.name, subnet));
        Self {
            addresses: info.subnets.iter().map(pool).collect(),
            info,
            means,
            gone: RwLock::new(false),
        }
    }

    /// Makes what the network needs on the host.
    pub(crate) fn open(
        netlink: &Connection,
        config: &NetworkConfig,
        info: NetworkInfo,
    ) -> Result<Self> {
        let means = match info.driver {
            _ if info.config_only => Means::None,
            Driver::Bridge => {
                let options = BridgeOptions::parse(&info.options)?;
                let bridge = Bridge {
                    name: info.interface.clone(),
                    index: 0,
                    gateways: info
                        .subnets
                        .iter()
                        .filter(|subnet| options.has_address(subnet.subnet.is_ipv4()))
                        .filter_map(Subnet::gateway_cidr)
                        .collect(),
                    mtu: options.mtu.or(config.mtu),
                    icc: options.icc,
                };
                Means::Bridge(bridge.open(netlink, config)?, options)
            }
            driver @ (Driver::Macvlan | Driver::Ipvlan) => {
                Means::Child(ChildOptions::parse(driver, &info.options)?)
            }
            Driver::Host | Driver::Null => Means::None,
        };
        Ok(Self::new(info, means))
    }

    /// The network as the firewall sees it; none without a bridge.
    pub(crate) fn segment(&self) -> Option<Segment> {
        let Means::Bridge(bridge, options) = &self.means else {
            return None;
        };
        let internal = self.info.internal;
        let subnets = self.info.subnets.iter().map(|s| s.subnet);
        Some(Segment {
            bridge: bridge.name.clone(),
            sides: subnets
                .map(|subnet| Side::new(subnet, options, internal))
                .collect(),
            internal,
            icc: options.icc,
            trusted: options.trusted.clone(),
        })
    }

    /// How its containers are reached by one family of addresses.
    pub(crate) fn way(&self, ipv4: bool) -> Way {
        match &self.means {
            Means::Bridge(_, options) if self.info.subnet(ipv4).is_some() => {
                match options.family(ipv4).gateway {
                    GatewayMode::Routed => Way::Open,
                    GatewayMode::Nat | GatewayMode::Unprotected | GatewayMode::Isolated => {
                        Way::Mapped
                    }
                }
            }
            _ => Way::None,
        }
    }

    /// An address of a family that the network lacks cannot be asked for.
    fn check_families(&self, request: &EndpointRequest) -> Result<()> {
        let asked = [
            (request.ip.is_some(), true),
            (request.ipv6.is_some(), false),
        ];
        let lacks = |(asked, ipv4): &(bool, bool)| *asked && self.info.subnet(*ipv4).is_none();
        match asked.into_iter().find(lacks) {
            None => Ok(()),
            Some((_, ipv4)) => Err(Error::NoFamily {
                network: self.info.name.clone(),
                family: if ipv4 { "IPv4" } else { "IPv6" },
                what: "no such address can be asked for".to_owned(),
            }),
        }
    }

    /// Takes an address of each family that the network has, however many subnets it has.
    pub(crate) fn lease(
        &self,
        request: &EndpointRequest,
        endpoint: &str,
    ) -> Result<(Vec<Lease>, Vec<String>)> {
        self.check_families(request)?;
        let mut leases: Vec<Lease> = Vec::new();
        let mut leaving = Vec::new();
        let wanted = [
            (true, request.ip.map(IpAddr::from)),
            (false, request.ipv6.map(IpAddr::from)),
        ];
        for (ipv4, wanted) in wanted {
            if self.info.subnet(ipv4).is_none() {
                continue;
            }
            let taken = self.take(ipv4, wanted, &request.container_id, endpoint);
            let (subnet, taken) = taken.inspect_err(|_| {
                self.free(&leases, endpoint);
            })?;
            leaving.extend(taken.leaving);
            let address = crate::Cidr::new(taken.address, subnet.subnet.prefix());
            leases.extend(address.map(|address| Lease {
                address,
                gateway: subnet.router(),
            }));
        }
        Ok((leases, leaving))
    }

    /// Takes an address of one family: of the subnet that the wanted one is in, else of the first
    /// that has one left.
    fn take(
        &self,
        ipv4: bool,
        wanted: Option<IpAddr>,
        container: &str,
        endpoint: &str,
    ) -> Result<(&Subnet, Taken)> {
        let subnets = self.info.subnets.iter().zip(&self.addresses);
        let of_family = subnets.filter(|(subnet, _)| subnet.subnet.is_ipv4() == ipv4);
        let mut full = None;
        for (subnet, pool) in of_family.clone() {
            if wanted.is_some_and(|wanted| !subnet.subnet.contains(wanted)) {
                continue;
            }
            match lock(pool).take(wanted, container, endpoint) {
                Ok(taken) => return Ok((subnet, taken)),
                Err(error @ Error::AddressesExhausted { .. }) => full = Some(error),
                Err(error) => return Err(error),
            }
        }
        let all: Vec<_> = of_family.map(|(s, _)| s.subnet.to_string()).collect();
        let network = self.info.name.clone();
        match (wanted, full) {
            (Some(ip), _) => Err(Error::AddressOutside {
                ip,
                subnet: all.join(", "),
                network,
            }),
            (None, Some(Error::AddressesExhausted { hint, .. })) if all.len() > 1 => {
                let subnet = all.join(", ");
                Err(Error::AddressesExhausted {
                    network,
                    subnet,
                    hint,
                })
            }
            (None, full) => Err(full.unwrap_or(Error::NoSuchNetwork(network))),
        }
    }

    /// Notes the addresses of an endpoint that is there already.
    pub(crate) fn mark(&self, endpoint: &EndpointState) {
        for address in endpoint.addresses() {
            if let Some(pool) = self.pool(address) {
                lock(pool).mark(address, &endpoint.container_id, &endpoint.endpoint_id);
            }
        }
    }

    /// From now on only the same container may have the endpoint's addresses.
    pub(crate) fn leave(&self, endpoint: &EndpointState) {
        for address in endpoint.addresses() {
            if let Some(pool) = self.pool(address) {
                lock(pool).leave(address, &endpoint.endpoint_id);
            }
        }
    }

    /// Frees the endpoint's addresses.
    pub(crate) fn release(&self, endpoint: &EndpointState) {
        endpoint
            .addresses()
            .for_each(|address| self.release_one(address, &endpoint.endpoint_id));
    }

    /// Frees addresses that were just taken.
    pub(crate) fn free(&self, leases: &[Lease], endpoint: &str) {
        for lease in leases {
            self.release_one(lease.address.address, endpoint);
        }
    }

    fn release_one(&self, address: IpAddr, endpoint: &str) {
        if let Some(pool) = self.pool(address) {
            lock(pool).release(address, endpoint);
        }
    }

    fn pool(&self, address: IpAddr) -> Option<&Mutex<Addresses>> {
        let mut pools = self.info.subnets.iter().zip(&self.addresses);
        pools
            .find(|(subnet, _)| subnet.subnet.contains(address))
            .map(|(_, pool)| pool)
    }
}

fn lock(pool: &Mutex<Addresses>) -> std::sync::MutexGuard<'_, Addresses> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}
