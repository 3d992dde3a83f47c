//! Connecting containers' namespaces to networks, and taking that back.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use crate::bridge::{mac_of, random_mac};
use crate::definition::Driver;
use crate::endpoint::{BoundPort, Endpoint, EndpointRequest, EndpointState, Lease, PortRequest};
use crate::error::{Error, Result};
use crate::holder::Holder;
use crate::identity::random_id;
use crate::inside::{self, Inside};
use crate::net::{Means, Net};
use crate::networks::{Networks, Undo, lock};
use crate::ports::PortOwner;
use crate::{child, flows, veth};

impl Networks {
    /// Connects a namespace to a network and publishes its ports.
    ///
    /// All or nothing: after an error the namespace, the addresses and the ports are free.
    pub fn connect(&self, netns: BorrowedFd<'_>, request: EndpointRequest) -> Result<Endpoint> {
        let net = self.net(&request.network)?;
        let gone = net.gone.read().unwrap_or_else(PoisonError::into_inner);
        if *gone {
            return Err(Error::NoSuchNetwork(net.info.name.clone()));
        }
        if net.info.config_only {
            return Err(Error::NotPermitted(format!(
                "cannot connect to network {}: it is a configuration network",
                net.info.name
            )));
        }
        let endpoint = match &net.means {
            Means::Bridge(..) => self.connect_bridge(&net, netns, request)?,
            Means::Child(_) => self.connect_child(&net, netns, request)?,
            Means::None => plain_endpoint(&net, request)?,
        };
        let state = &endpoint.state;
        if net.info.has_names() {
            let mut meaning: Vec<_> = state.ipv4().into_iter().collect();
            meaning.extend(state.ipv6().filter(|_| net.info.ipv6_asked));
            lock(&self.names).add(state, &meaning);
        }
        lock(&self.live).insert(state.endpoint_id.clone(), state.clone());
        Ok(endpoint)
    }

    fn connect_bridge(
        &self,
        net: &Net,
        netns: BorrowedFd<'_>,
        request: EndpointRequest,
    ) -> Result<Endpoint> {
        let Means::Bridge(bridge, options) = &net.means else {
            return plain_endpoint(net, request);
        };
        let endpoint_id = random_id()?;
        let owner = PortOwner {
            container: &request.container_id,
            endpoint: &endpoint_id,
            default_address: options.host_binding,
            ipv4: net.way(true),
            ipv6: net.way(false),
            network: &net.info.name,
        };
        let (ports, reserved) = self.take_ports(&request.ports, owner)?;
        let ports_guard = Undo::new(|| lock(&self.ports).release(&ports, &endpoint_id));
        let (leases, leaving) = net.lease(&request, &endpoint_id)?;
        let lease_guard = Undo::new(|| net.free(&leases, &endpoint_id));
        for endpoint in leaving {
            veth::silence(&self.netlink, &veth::host_interface(&endpoint))?;
        }
        let first = leases.first().map(|lease| lease.address.address);
        let mac = match request.mac.or_else(|| first.and_then(mac_of)) {
            Some(mac) => mac,
            None => random_mac()?,
        };
        let host_interface = veth::host_interface(&endpoint_id);
        let interface = interface_name(&request, &options.prefix);
        let plug = veth::Plug {
            host_interface: &host_interface,
            mac,
            inside: Inside {
                interface: &interface,
                leases: &leases,
                link_local: &request.link_local,
                default_route: request.default_route && !net.info.internal,
                sysctls: &request.sysctls,
            },
        };
        veth::attach(&self.netlink, bridge, netns, &plug)?;
        let veth_guard = Undo::new(|| drop(veth::detach(&self.netlink, &host_interface)));
        veth::wait_until_forwarding(&self.netlink, bridge, &host_interface)?;
        let state = EndpointState {
            mac: Some(mac),
            ports: ports.clone(),
            host_interface: host_interface.clone(),
            interface: interface.clone(),
            has_exit: !net.info.internal,
            direct: self.config.allow_direct_routing || !options.trusted.is_empty(),
            ..state(net, &request, endpoint_id.clone(), &leases)
        };
        self.firewall.publish(&ports, &state)?;
        flows::renew(&ports);
        veth_guard.keep();
        lease_guard.keep();
        ports_guard.keep();
        Ok(Endpoint { state, reserved })
    }

    fn connect_child(
        &self,
        net: &Net,
        netns: BorrowedFd<'_>,
        request: EndpointRequest,
    ) -> Result<Endpoint> {
        let Means::Child(options) = &net.means else {
            return plain_endpoint(net, request);
        };
        let endpoint_id = random_id()?;
        let (leases, _) = net.lease(&request, &endpoint_id)?;
        let lease_guard = Undo::new(|| net.free(&leases, &endpoint_id));
        let mac = match net.info.driver {
            Driver::Macvlan => Some(request.mac.map_or_else(random_mac, Ok)?),
            _ => None,
        };
        let interface = interface_name(&request, &options.prefix);
        let wanted = Inside {
            interface: &interface,
            leases: &leases,
            link_local: &request.link_local,
            default_route: request.default_route && !net.info.internal,
            sysctls: &request.sysctls,
        };
        let until = self.leaving.until(&net.info.interface);
        child::attach(
            &self.netlink,
            &net.info,
            options,
            netns,
            mac,
            &wanted,
            until,
        )?;
        lease_guard.keep();
        let state = EndpointState {
            mac,
            interface: interface.clone(),
            has_exit: !net.info.internal,
            ..state(net, &request, endpoint_id.clone(), &leases)
        };
        Ok(Endpoint {
            state,
            reserved: Vec::new(),
        })
    }

    /// Ends an endpoint: its names, ports, addresses and its interface. Doing it again is fine.
    ///
    /// The interface goes a moment later; until then only the same container gets the address.
    pub fn disconnect(&self, endpoint: &EndpointState) -> Result<()> {
        let Some((endpoint, net)) = self.take_live(endpoint) else {
            return Ok(());
        };
        let unpublished = self.unpublish_all(&endpoint);
        if let Some(net) = net {
            net.leave(&endpoint);
            if matches!(net.means, Means::Child(_)) {
                self.leaving.note(&net.info.interface);
            }
            self.reaper.bury(endpoint, net);
        }
        unpublished
    }

    /// Ends an endpoint of a container that goes on: its interface is out of use when this returns,
    /// and gone a moment later.
    pub fn disconnect_now(&self, netns: BorrowedFd<'_>, endpoint: &EndpointState) -> Result<()> {
        let Some((endpoint, net)) = self.take_live(endpoint) else {
            return Ok(());
        };
        let unpublished = self.unpublish_all(&endpoint);
        flows::forget(std::iter::once(&endpoint));
        let taken_out = self.take_out(netns, &endpoint);
        if let Some(net) = net {
            net.release(&endpoint);
        }
        unpublished.and(taken_out)
    }

    /// Takes an endpoint's interface out of use, in the container too.
    fn take_out(&self, netns: BorrowedFd<'_>, endpoint: &EndpointState) -> Result<()> {
        if endpoint.interface.is_empty() {
            return Ok(());
        }
        if endpoint.host_interface.is_empty() {
            return inside::delete(netns, &endpoint.interface);
        }
        inside::retire(netns, endpoint)?;
        let host_interface = std::iter::once(endpoint.host_interface.as_str());
        self.retired.add_all(&self.netlink, host_interface);
        self.reaper.sweep();
        Ok(())
    }

    fn take_live(&self, endpoint: &EndpointState) -> Option<(EndpointState, Option<Arc<Net>>)> {
        let endpoint = lock(&self.live).remove(&endpoint.endpoint_id)?;
        lock(&self.names).remove(&endpoint);
        let net = self.net(&endpoint.network_id).ok();
        Some((endpoint, net))
    }

    fn unpublish_all(&self, endpoint: &EndpointState) -> Result<()> {
        let unpublished = self.firewall.unpublish(&endpoint.ports, endpoint);
        lock(&self.ports).release(&endpoint.ports, &endpoint.endpoint_id);
        unpublished
    }

    /// Leads a container's published ports to another of its endpoints, which takes them over.
    pub fn move_ports(&self, from: &EndpointState, to: &EndpointState) -> Result<EndpointState> {
        let mut to = to.clone();
        let ports: Vec<BoundPort> = from
            .ports
            .iter()
            .copied()
            .filter(|port| to.address_like(port.host_ip).is_some() || self.config.relay_ports)
            .collect();
        self.firewall.unpublish(&from.ports, from)?;
        self.firewall.publish(&ports, &to)?;
        {
            let mut claims = lock(&self.ports);
            claims.hand_over(&from.ports, &from.endpoint_id, &to.endpoint_id);
        }
        flows::renew(&ports);
        to.ports.extend(ports);
        let mut live = lock(&self.live);
        if let Some(from) = live.get_mut(&from.endpoint_id) {
            from.ports.clear();
        }
        live.insert(to.endpoint_id.clone(), to.clone());
        Ok(to)
    }

    /// Leads the default routes of a namespace by the best of its endpoints: those given, the best
    /// first.
    pub fn route(&self, netns: BorrowedFd<'_>, best_first: &[&EndpointState]) -> Result<()> {
        inside::route(netns, best_first)
    }

    /// Takes the ports, waiting a moment for those that an ended endpoint's monitor still holds.
    pub(crate) fn take_ports(
        &self,
        requests: &[PortRequest],
        owner: PortOwner<'_>,
    ) -> Result<(Vec<BoundPort>, Vec<OwnedFd>)> {
        loop {
            let mut ports = lock(&self.ports);
            let (host_ip, port, protocol) = match ports.take(requests, owner) {
                Err(Error::PortTaken {
                    host_ip,
                    port,
                    protocol,
                    holder: Holder::Unknown,
                }) => (host_ip, port, protocol),
                result => return result,
            };
            let lingers = ports.lingers(protocol, port);
            drop(ports);
            if !lingers {
                let holder = Holder::find(protocol, host_ip, port);
                return Err(Error::PortTaken {
                    host_ip,
                    port,
                    protocol,
                    holder,
                });
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn state(
    net: &Net,
    request: &EndpointRequest,
    endpoint_id: String,
    leases: &[Lease],
) -> EndpointState {
    let lease = |ipv4: bool| {
        let of_family = |lease: &&Lease| lease.address.is_ipv4() == ipv4;
        leases.iter().find(of_family).copied()
    };
    EndpointState {
        endpoint_id,
        container_id: request.container_id.clone(),
        network_name: net.info.name.clone(),
        network_id: net.info.id.clone(),
        v4: lease(true),
        v6: lease(false),
        mac: None,
        ports: Vec::new(),
        host_interface: String::new(),
        interface: String::new(),
        gateway_priority: request.gateway_priority,
        has_exit: false,
        names: request.names.clone(),
        direct: false,
    }
}

/// An endpoint on `host` or `none`: nothing is made.
fn plain_endpoint(net: &Net, request: EndpointRequest) -> Result<Endpoint> {
    Ok(Endpoint {
        state: state(net, &request, random_id()?, &[]),
        reserved: Vec::new(),
    })
}

/// The name that was asked for, else the prefix with the lowest number that is free.
fn interface_name(request: &EndpointRequest, prefix: &str) -> String {
    if let Some(name) = &request.interface {
        return name.clone();
    }
    let taken = |name: &String| request.interfaces.contains(name);
    let mut names = (0_u32..).map(|number| format!("{prefix}{number}"));
    names.find(|name| !taken(name)).unwrap_or_default()
}
