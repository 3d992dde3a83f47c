//! The service: open, create a sandbox, connect, disconnect, restore, close.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use gantry_netlink::Connection;

use crate::addresses::Addresses;
use crate::bridge::{Bridge, mac_of, system};
use crate::config::NetworkConfig;
use crate::endpoint::{BoundPort, Endpoint, EndpointRequest, EndpointState, PortRequest};
use crate::error::{Error, Result};
use crate::files::{self, ContainerFiles, FilesRequest};
use crate::firewall::Firewall;
use crate::holder::Holder;
use crate::identity::{Identity, random_id};
use crate::info::{self, NetworkInfo};
use crate::ports::{PortOwner, Ports};
use crate::reaper::Reaper;
use crate::sandbox::{Pool, Sandbox};
use crate::{flows, veth};

/// The default bridge network's name.
const DEFAULT_NETWORK: &str = "bridge";

/// All networks of one daemon. `Send + Sync`; share it by `Arc`.
#[derive(Debug)]
pub struct Networks {
    config: NetworkConfig,
    identity: Identity,
    netlink: Connection,
    bridge: Bridge,
    pub(crate) firewall: Firewall,
    addresses: Arc<Mutex<Addresses>>,
    pub(crate) ports: Mutex<Ports>,
    pub(crate) live: Mutex<HashMap<String, EndpointState>>,
    pool: Pool,
    reaper: Reaper,
}

impl Networks {
    /// Makes or adopts the bridge and our nf_tables table. Doing it again changes nothing.
    ///
    /// Everything happens in the calling thread's network namespace.
    pub fn open(config: NetworkConfig) -> Result<Self> {
        let identity = Identity::open(&config.run_root)?;
        let netlink = Connection::open().map_err(system)?;
        let bridge = Bridge::open(&netlink, &config)?;
        let firewall = Firewall::open(&config.table_name(), &bridge.name, bridge.gateway)?;
        let addresses = Arc::new(Mutex::new(Addresses::new(DEFAULT_NETWORK, bridge.gateway)));
        let ports = Mutex::new(Ports::new(config.publish_default_address));
        let pool = Pool::new(config.sandbox_pool)?;
        let reaper = Reaper::start(Arc::clone(&addresses))?;
        let live = Mutex::default();
        Ok(Self {
            config,
            identity,
            netlink,
            bridge,
            firewall,
            addresses,
            ports,
            live,
            pool,
            reaper,
        })
    }

    /// A fresh network namespace with `lo` up, from the pool when one is ready.
    pub fn create_sandbox(&self) -> Result<Sandbox> {
        self.pool.take()
    }

    /// Connects a namespace to the default bridge as its `eth0` and publishes its ports.
    ///
    /// All or nothing: after an error the namespace, the address and the ports are free.
    pub fn connect(&self, netns: BorrowedFd<'_>, request: EndpointRequest) -> Result<Endpoint> {
        let endpoint_id = random_id()?;
        let owner = PortOwner {
            container: &request.container_id,
            endpoint: &endpoint_id,
        };
        let (ports, reserved) = self.take_ports(&request.ports, owner)?;
        let ports_guard = Undo::new(|| lock(&self.ports).release(&ports, &endpoint_id));
        let taken = lock(&self.addresses).take(request.ip, &request.container_id, &endpoint_id)?;
        let ip = taken.address;
        let address_guard = Undo::new(|| lock(&self.addresses).release(ip, &endpoint_id));
        let mac = request.mac.unwrap_or_else(|| mac_of(ip));
        if let Some(leaving) = taken.leaving {
            veth::silence(&self.netlink, &veth::host_interface(&leaving))?;
        }
        let interface = veth::host_interface(&endpoint_id);
        veth::attach(&self.netlink, &self.bridge, &interface, netns, ip, mac)?;
        let veth_guard = Undo::new(|| drop(veth::detach(&self.netlink, &interface)));
        veth::wait_until_forwarding(&self.netlink, &self.bridge, &interface)?;
        self.firewall.publish(&ports, ip)?;
        flows::renew(&ports);
        veth_guard.keep();
        address_guard.keep();
        ports_guard.keep();
        let state = EndpointState {
            endpoint_id,
            container_id: request.container_id,
            network_name: DEFAULT_NETWORK.to_owned(),
            network_id: self.identity.bridge.clone(),
            ip,
            prefix: self.bridge.gateway.prefix(),
            gateway: self.bridge.gateway.address,
            mac,
            ports,
            host_interface: interface,
        };
        lock(&self.live).insert(state.endpoint_id.clone(), state.clone());
        Ok(Endpoint { state, reserved })
    }

    /// Ends an endpoint: its ports, its address and its interface. Doing it again is fine.
    ///
    /// The interface goes a moment later; until then only the same container gets the address.
    pub fn disconnect(&self, endpoint: &EndpointState) -> Result<()> {
        let Some(endpoint) = lock(&self.live).remove(&endpoint.endpoint_id) else {
            return Ok(());
        };
        let unpublished = self.firewall.unpublish(&endpoint.ports, endpoint.ip);
        lock(&self.ports).release(&endpoint.ports, &endpoint.endpoint_id);
        lock(&self.addresses).leave(endpoint.ip, &endpoint.endpoint_id);
        self.reaper.bury(endpoint);
        unpublished
    }

    /// After a restart of the daemon: takes the live endpoints over and removes all others.
    ///
    /// To be called once, after [`Networks::open`] and before the first [`Networks::connect`],
    /// also with an empty list. Traffic of the live ones goes on all the while.
    pub fn restore(&self, live: Vec<EndpointState>) -> Result<()> {
        self.firewall.replace(&live)?;
        self.remove_stale_interfaces(&live)?;
        for endpoint in live {
            let EndpointState {
                endpoint_id,
                container_id,
                ip,
                ..
            } = &endpoint;
            lock(&self.addresses).mark(*ip, container_id, endpoint_id);
            let owner = PortOwner {
                container: container_id,
                endpoint: endpoint_id,
            };
            endpoint
                .ports
                .iter()
                .for_each(|port| lock(&self.ports).mark(port, owner));
            lock(&self.live).insert(endpoint_id.clone(), endpoint);
        }
        Ok(())
    }

    /// Ends the service. With `remove_all` nothing is left on the host: bridge, table, rules;
    /// without, running containers keep their traffic.
    pub fn close(&self, remove_all: bool) -> Result<()> {
        if !remove_all {
            return Ok(());
        }
        let removed = self.firewall.remove();
        self.remove_stale_interfaces(&[])?;
        self.bridge.remove(&self.netlink)?;
        removed
    }

    /// The default networks: `bridge`, `host` and `none`, in this order.
    pub fn networks(&self) -> Vec<NetworkInfo> {
        info::default_networks(&self.identity, &self.bridge, &self.config)
    }

    /// The live endpoints on the default bridge.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        lock(&self.live).values().cloned().collect()
    }

    /// The address that `host-gateway` stands for in `--add-host`.
    pub fn host_gateway(&self) -> Ipv4Addr {
        self.config
            .host_gateway
            .unwrap_or(self.bridge.gateway.address)
    }

    /// The text of a container's `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname`.
    pub fn files(&self, request: &FilesRequest<'_>) -> Result<ContainerFiles> {
        files::render(request, &self.config.dns, self.host_gateway())
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

    fn remove_stale_interfaces(&self, live: &[EndpointState]) -> Result<()> {
        for link in self.netlink.links().map_err(system)? {
            let on_bridge = link.master == Some(self.bridge.index);
            let is_live = live
                .iter()
                .any(|endpoint| endpoint.host_interface == link.name);
            if on_bridge && veth::is_ours(&link.name) && !is_live {
                veth::detach(&self.netlink, &link.name)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Undoes a step unless the steps after it succeeded too.
pub(crate) struct Undo<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Undo<F> {
    pub(crate) fn new(undo: F) -> Self {
        Self(Some(undo))
    }

    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for Undo<F> {
    fn drop(&mut self) {
        if let Some(undo) = self.0.take() {
            undo();
        }
    }
}
