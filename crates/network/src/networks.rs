//! The service: open, hand out sandboxes, restore, close.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use gantry_dns::{Directory, Door, Upstream};
use gantry_netlink::Connection;

use crate::bridge::{Bridge, system};
use crate::child::Leaving;
use crate::config::NetworkConfig;
use crate::endpoint::EndpointState;
use crate::error::Result;
use crate::files::{self, ContainerFiles, FilesRequest, HostServers};
use crate::firewall::{Firewall, Gate, Shape, Watcher};
use crate::identity::Identity;
use crate::names::{Link, Names};
use crate::net::{Means, Net};
use crate::ports::{PortOwner, Ports, Way};
use crate::reaper::Reaper;
use crate::retired::Retired;
use crate::sandbox::{Pool, Sandbox};
use crate::store::Store;
use crate::{catalog, door, veth};

/// The port of DNS.
const DNS_PORT: u16 = 53;

/// All networks of one daemon. `Send + Sync`; share it by `Arc`.
#[derive(Debug)]
pub struct Networks {
    pub(crate) config: NetworkConfig,
    pub(crate) netlink: Connection,
    pub(crate) firewall: Arc<Firewall>,
    /// Ends with the service.
    _watcher: Watcher,
    pub(crate) store: Store,
    /// The default networks first, then the oldest.
    pub(crate) nets: RwLock<Vec<Arc<Net>>>,
    pub(crate) creating: Mutex<()>,
    pub(crate) ports: Mutex<Ports>,
    pub(crate) live: Mutex<HashMap<String, EndpointState>>,
    pub(crate) names: Mutex<Names>,
    host_servers: HostServers,
    pool: Pool,
    pub(crate) leaving: Leaving,
    pub(crate) retired: Retired,
    pub(crate) reaper: Reaper,
}

impl Networks {
    /// Makes or adopts the bridges and our nf_tables table. Doing it again changes nothing.
    ///
    /// Everything happens in the calling thread's network namespace.
    pub fn open(config: NetworkConfig) -> Result<Self> {
        let identity = Identity::open(&config.run_root)?;
        let netlink = Connection::open().map_err(system)?;
        let retired = Retired::of(&config.table_name());
        // What a daemon left that was killed, before a bridge is made or adopted.
        retired.delete(&netlink)?;
        let bridge = Bridge::open_default(&netlink, &config)?;
        let store = Store::new(config.networks_dir.clone());
        let mut nets = catalog::predefined(&identity, bridge, &config)?;
        for info in store.read()? {
            let name = info.name.clone();
            match Net::open(&netlink, &config, info.clone()) {
                Ok(net) => nets.push(net),
                Err(error) => {
                    // The others shall work; who starts a container on this one gets the reason.
                    tracing::error!(network = name, "its bridge cannot be made: {error}");
                    nets.push(Net::new(info, Means::None));
                }
            }
        }
        let segments: Vec<_> = nets.iter().filter_map(Net::segment).collect();
        let table = config.table_name();
        let gate = config.honor_input.then(|| Gate::open(&netlink, &table));
        let shape = Shape {
            gate: gate.transpose()?,
            direct: config.allow_direct_routing,
        };
        let firewall = Arc::new(Firewall::open(&table, &segments, shape)?);
        let watcher = Watcher::start(Arc::clone(&firewall))?;
        let ports = Mutex::new(Ports::new(
            config.publish_default_address.into(),
            config.relay_ports,
        ));
        let pool = Pool::new(config.sandbox_pool)?;
        Ok(Self {
            netlink,
            firewall,
            _watcher: watcher,
            store,
            nets: RwLock::new(nets.into_iter().map(Arc::new).collect()),
            creating: Mutex::default(),
            ports,
            live: Mutex::default(),
            names: Mutex::default(),
            host_servers: HostServers::new(),
            pool,
            leaving: Leaving::new(),
            retired,
            reaper: Reaper::start(retired)?,
            config,
        })
    }

    /// A fresh network namespace with `lo` up, from the pool when one is ready.
    pub fn create_sandbox(&self) -> Result<Sandbox> {
        self.pool.take()
    }

    /// After a restart of the daemon: takes the live endpoints over and removes all others.
    ///
    /// To be called once, after [`Networks::open`] and before the first [`Networks::connect`],
    /// also with an empty list. Traffic of the live ones goes on all the while.
    pub fn restore(&self, live: Vec<EndpointState>) -> Result<()> {
        self.firewall.replace(&self.segments(), &live)?;
        if !self.config.honor_input {
            Gate::remove(&self.netlink, &self.config.table_name())?;
        }
        self.remove_stale_interfaces(&live)?;
        for endpoint in live {
            let net = self.net(&endpoint.network_id).ok();
            if let Some(net) = &net {
                net.mark(&endpoint);
            }
            let owner = PortOwner {
                container: &endpoint.container_id,
                endpoint: &endpoint.endpoint_id,
                default_address: None,
                ipv4: Way::None,
                ipv6: Way::None,
                network: &endpoint.network_name,
            };
            endpoint
                .ports
                .iter()
                .for_each(|port| lock(&self.ports).mark(port, owner));
            if let Some(net) = net.filter(|net| net.info.has_names()) {
                let mut meaning: Vec<_> = endpoint.ipv4().into_iter().collect();
                meaning.extend(endpoint.ipv6().filter(|_| net.info.ipv6_asked));
                lock(&self.names).add(&endpoint, &meaning);
            }
            lock(&self.live).insert(endpoint.endpoint_id.clone(), endpoint);
        }
        Ok(())
    }

    /// Ends the service. With `remove_all` nothing is left on the host: bridges, table, rules;
    /// without, running containers keep their traffic.
    pub fn close(&self, remove_all: bool) -> Result<()> {
        if !remove_all {
            return Ok(());
        }
        let removed = self.firewall.remove();
        Gate::remove(&self.netlink, &self.config.table_name())?;
        self.remove_stale_interfaces(&[])?;
        for net in read(&self.nets).iter() {
            if let Means::Bridge(bridge, _) = &net.means {
                bridge.retire(&self.netlink, self.retired)?;
            }
        }
        self.retired.delete(&self.netlink)?;
        removed
    }

    /// What an administrator should know of: other firewalls' chains that stop containers'
    /// packets and that we cannot open.
    pub fn warnings(&self) -> Vec<String> {
        let shut = self.firewall.shut();
        shut.iter().map(|shut| format!("WARNING: {shut}")).collect()
    }

    /// The live endpoints.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        lock(&self.live).values().cloned().collect()
    }

    /// The address that `host-gateway` stands for in `--add-host`.
    pub fn host_gateway(&self) -> IpAddr {
        let default = read(&self.nets)
            .first()
            .and_then(|net| net.info.subnet(true)?.gateway);
        let configured = self.config.host_gateway.map(IpAddr::from);
        configured
            .or(default)
            .unwrap_or(IpAddr::from([127, 0, 0, 1]))
    }

    /// The text of a container's `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname`.
    pub fn files(&self, request: &FilesRequest<'_>) -> Result<ContainerFiles> {
        files::render(request, &self.config.dns, self.host_gateway())
    }

    /// Opens the name server's sockets in a container's namespace.
    pub fn open_door(&self, netns: BorrowedFd<'_>) -> Result<Door> {
        door::open(netns)
    }

    /// Finds the name server's sockets among those that somebody kept, and leaves the others.
    pub fn recognise_door(kept: &mut Vec<OwnedFd>, netns: OwnedFd) -> Option<Door> {
        door::recognise(kept, netns)
    }

    /// What a container alone calls others, and the name servers that it alone asks.
    pub fn set_lookups(&self, container: &str, links: &[Link], servers: &[IpAddr]) {
        lock(&self.names).set_lookups(container, links, servers);
    }

    /// Gives an endpoint other names.
    pub fn rename(&self, endpoint: &EndpointState, names: Vec<String>) -> EndpointState {
        let mut renamed = endpoint.clone();
        renamed.names = names;
        let asked = self
            .net(&endpoint.network_id)
            .is_ok_and(|net| net.info.ipv6_asked);
        let mut meaning: Vec<_> = endpoint.ipv4().into_iter().collect();
        meaning.extend(endpoint.ipv6().filter(|_| asked));
        lock(&self.names).rename(endpoint, &renamed, &meaning);
        lock(&self.live).insert(renamed.endpoint_id.clone(), renamed.clone());
        renamed
    }

    fn remove_stale_interfaces(&self, live: &[EndpointState]) -> Result<()> {
        let bridges: Vec<u32> = read(&self.nets)
            .iter()
            .filter_map(|net| match &net.means {
                Means::Bridge(bridge, _) => Some(bridge.index),
                _ => None,
            })
            .collect();
        let live: HashSet<&str> = live.iter().map(|e| e.host_interface.as_str()).collect();
        let links = self.netlink.links().map_err(system)?;
        let stale = links.iter().filter(|link| {
            let on_bridge = link.master.is_some_and(|master| bridges.contains(&master));
            on_bridge && veth::is_ours(&link.name) && !live.contains(link.name.as_str())
        });
        let stale = stale.map(|link| link.name.as_str());
        self.retired.add_all(&self.netlink, stale);
        self.retired.delete(&self.netlink)
    }
}

/// What the name server asks.
impl Directory for Networks {
    fn addresses(&self, asker: &str, name: &str) -> Option<Vec<IpAddr>> {
        lock(&self.names).resolve(asker, name)
    }

    fn name_of(&self, asker: &str, address: IpAddr) -> Option<String> {
        lock(&self.names).name_of(asker, address)
    }

    fn upstreams(&self, asker: &str) -> Vec<Upstream> {
        let names = lock(&self.names);
        if !names.sees_outside(asker) {
            return Vec::new();
        }
        let own = names.servers(asker);
        drop(names);
        let upstream = |inside: bool| {
            move |server: IpAddr| Upstream {
                address: SocketAddr::new(server, DNS_PORT),
                // The container's own loopback, where it may serve names itself.
                inside: inside && server.is_loopback(),
            }
        };
        if !own.is_empty() {
            return own.into_iter().map(upstream(true)).collect();
        }
        let servers = &self.config.dns.servers;
        let servers = if servers.is_empty() {
            self.host_servers.get()
        } else {
            servers.clone()
        };
        servers.into_iter().map(upstream(false)).collect()
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
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
