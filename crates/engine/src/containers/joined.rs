//! Joining a container's networks before it starts.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use gantry_dns::Door;
use gantry_monitor::protocol::{HeldPort, Relay, Reply, Request};
use gantry_network::{Endpoint, EndpointState, Networks, RelayedPort};

use super::attachments::{self, Attachment, best_first, rank};
use super::{Container, Containers, ports};
use crate::Error;
use crate::monitors::MonitorLink;

/// How many descriptors go along with a launch; the rest follows.
const WITH_LAUNCH: usize = 150;
/// How many descriptors go along with one later message.
const AT_ONCE: usize = 200;
/// How many relayed ports one message tells of: each takes about 100 bytes of a packet.
const RELAYS_AT_ONCE: usize = 400;

/// The network namespace to join and the endpoints in it; what is not kept is taken down.
pub(super) struct JoinedNetwork {
    networks: Arc<Networks>,
    /// The namespace; the host's own when `None`.
    pub namespace: Option<OwnedFd>,
    pub endpoints: Vec<EndpointState>,
    /// Sockets that the monitor keeps: first the name server's, then those of published ports.
    reserved: Vec<OwnedFd>,
}

impl Drop for JoinedNetwork {
    fn drop(&mut self) {
        for endpoint in self.endpoints.drain(..) {
            if let Err(e) = self.networks.disconnect(&endpoint) {
                tracing::warn!(container = %endpoint.container_id, "cannot take down its network: {e}");
            }
        }
    }
}

impl JoinedNetwork {
    /// The endpoints, which live on from now on.
    pub(super) fn keep(&mut self) -> Vec<EndpointState> {
        std::mem::take(&mut self.endpoints)
    }

    /// The sockets that the monitor gets at its launch, and those that it gets afterwards.
    pub(super) fn kept(&self) -> (&[OwnedFd], &[OwnedFd]) {
        self.reserved.split_at(self.reserved.len().min(WITH_LAUNCH))
    }
}

impl Containers {
    pub(super) fn join_network(&self, container: &Container) -> Result<JoinedNetwork, Error> {
        let record = container.record().clone();
        let mode = record.host_config.network_mode.as_str();
        let mut joined = JoinedNetwork {
            networks: Arc::clone(&self.networks),
            namespace: None,
            endpoints: Vec::new(),
            reserved: Vec::new(),
        };
        if record.config.network_disabled {
            // A namespace with nothing but its loopback, whatever the mode says.
            joined.namespace = Some(self.networks.create_sandbox()?.netns);
            return Ok(joined);
        }
        if mode.starts_with("container:") {
            joined.namespace = Some(self.namespace_of(mode)?);
            return Ok(joined);
        }
        let attachments = attachments::of(&record, &self.networks)?;
        let sandbox = if mode == "host" {
            None
        } else {
            Some(self.networks.create_sandbox()?)
        };
        let publisher = publisher(&attachments);
        let alone = attachments.len() == 1;
        for (index, attachment) in attachments.iter().enumerate() {
            let mut request = attachment.request(&record)?;
            request.interfaces = interfaces(&joined.endpoints);
            request.default_route = alone;
            if publisher == Some(index) {
                let exposed = record.config.exposed_ports.keys();
                request.ports = ports::requests(&record.host_config, exposed)?;
            }
            // On the host's own network there is nothing to make in any namespace.
            let host;
            let namespace = match &sandbox {
                Some(sandbox) => sandbox.as_fd(),
                None => {
                    host = open_namespace("/proc/thread-self/ns/net")?;
                    host.as_fd()
                }
            };
            let Endpoint { state, reserved } = self.networks.connect(namespace, request)?;
            joined.endpoints.push(state);
            joined.reserved.extend(reserved);
        }
        if let Some(sandbox) = sandbox {
            if !alone {
                self.networks
                    .route(sandbox.as_fd(), &best_first(&joined.endpoints))?;
            }
            if attachments.iter().any(|a| a.network.has_names()) {
                let kept = self.open_door(container, sandbox.as_fd())?;
                joined.reserved.splice(0..0, kept);
            }
            joined.namespace = Some(sandbox.netns);
        }
        Ok(joined)
    }

    /// Opens the name server's door in a container's namespace and serves there; returns
    /// duplicates of its sockets for the monitor.
    pub(super) fn open_door(
        &self,
        container: &Container,
        netns: BorrowedFd<'_>,
    ) -> Result<Vec<OwnedFd>, Error> {
        let door = self.networks.open_door(netns)?;
        let duplicate = || -> std::io::Result<Vec<OwnedFd>> {
            Ok(vec![
                door.udp.try_clone()?.into(),
                door.tcp.try_clone()?.into(),
            ])
        };
        let kept =
            duplicate().map_err(|e| Error::Internal(format!("cannot duplicate a socket: {e}")))?;
        self.serve_names(container, door);
        Ok(kept)
    }

    /// Answers the container's questions for names.
    pub(super) fn serve_names(&self, container: &Container, door: Door) {
        self.set_lookups(container);
        if let Err(e) = self.names.serve(&container.id, door) {
            tracing::error!(container = %container.id, "cannot serve names to it: {e}");
        }
    }

    /// Tells the name server what only this container calls others and whom it asks.
    pub(super) fn set_lookups(&self, container: &Container) {
        let record = container.record().clone();
        let servers: Vec<IpAddr> = record
            .host_config
            .dns
            .iter()
            .flatten()
            .filter_map(|text| text.parse().ok())
            .collect();
        let links = attachments::links(&record);
        self.networks.set_lookups(&container.id, &links, &servers);
    }

    /// Has the monitor keep more descriptors.
    pub(super) async fn hand_over(
        &self,
        container: &Container,
        link: &MonitorLink,
        fds: &[OwnedFd],
    ) -> Result<(), Error> {
        for some in fds.chunks(AT_ONCE) {
            let some: Vec<_> = some.iter().map(AsFd::as_fd).collect();
            match link.call(Request::Keep, &some).await {
                Ok((Reply::Ok, _)) => {}
                Ok((other, _)) => {
                    return Err(container.monitor_lost(format!("an unexpected answer: {other:?}")));
                }
                Err(e) => return Err(container.monitor_lost(e)),
            }
        }
        Ok(())
    }

    /// Tells the monitor which ports it passes on, in place of all that it was told before.
    ///
    /// A monitor of a version that knows no relays refuses, and goes on without.
    pub(super) async fn relay_ports(
        &self,
        container: &Container,
        link: &MonitorLink,
        endpoints: &[EndpointState],
    ) -> Result<(), Error> {
        let relays = endpoints.iter().flat_map(EndpointState::relays);
        let relays: Vec<Relay> = relays.map(relay).collect();
        let mut replace = true;
        let nothing = [&relays[..]];
        let chunks: Vec<&[Relay]> = if relays.is_empty() {
            nothing.to_vec()
        } else {
            relays.chunks(RELAYS_AT_ONCE).collect()
        };
        for some in chunks {
            let request = Request::Relay {
                relays: some.to_vec(),
                replace,
            };
            match link.call(request, &[]).await {
                Ok((Reply::Ok | Reply::Failed(_), _)) => replace = false,
                Ok((other, _)) => {
                    return Err(container.monitor_lost(format!("an unexpected answer: {other:?}")));
                }
                Err(e) => return Err(container.monitor_lost(e)),
            }
        }
        Ok(())
    }

    /// The network namespace of `container:<id>`.
    fn namespace_of(&self, mode: &str) -> Result<OwnedFd, Error> {
        let name = mode.strip_prefix("container:").unwrap_or(mode);
        let other = self.registry.find(name)?;
        let pid = other.record().state.pid;
        if pid == 0 || !other.phase().is_live() {
            return Err(Error::WrongPhase(format!(
                "cannot join network of a non running container: {}",
                other.id
            )));
        }
        open_namespace(&format!("/proc/{pid}/ns/net"))
    }

    /// Publishes that a container joins or leaves its networks.
    pub(crate) fn announce_networks(&self, container: &Container, action: &str) {
        let names: Vec<String> = {
            let record = container.record();
            let wanted = record.networking.endpoints_config.iter().flatten();
            wanted.map(|(name, _)| name.clone()).collect()
        };
        for name in names {
            self.announce_network(container, &name, action);
        }
    }

    /// Publishes that a container joins or leaves a network.
    pub(crate) fn announce_network(&self, container: &Container, name: &str, action: &str) {
        let Ok(network) = self.networks.find(name) else {
            return;
        };
        let attributes = [
            ("container", container.id.as_str()),
            ("name", &network.name),
            ("type", network.driver.name()),
        ];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.events.network(&network.id, action, attributes.into());
    }
}

fn relay(relayed: RelayedPort) -> Relay {
    let RelayedPort { port, target } = relayed;
    Relay {
        port: HeldPort {
            protocol: port.protocol.number(),
            address: port.host_ip,
            port: port.host_port,
        },
        target: SocketAddr::new(target, port.container_port),
    }
}

/// The names of the interfaces that a container has.
pub(super) fn interfaces(endpoints: &[EndpointState]) -> Vec<String> {
    endpoints.iter().map(|e| e.interface.clone()).collect()
}

pub(super) fn open_namespace(path: &str) -> Result<OwnedFd, Error> {
    fs::File::open(path)
        .map(OwnedFd::from)
        .map_err(Error::file("open", path))
}

/// The name server's door among what a monitor kept.
pub(super) fn door_among(kept: &mut Vec<OwnedFd>, pid: u32) -> Option<Door> {
    let netns = open_namespace(&format!("/proc/{pid}/ns/net")).ok()?;
    Networks::recognise_door(kept, netns)
}

/// Which of the networks publishes the container's ports.
fn publisher(attachments: &[Attachment]) -> Option<usize> {
    let candidates = attachments
        .iter()
        .enumerate()
        .filter(|(_, a)| a.publishes());
    candidates
        .min_by_key(|(_, a)| rank(a.wishes.gw_priority, &a.network.name))
        .map(|(index, _)| index)
}

/// The endpoint that has the published ports, else the one that would get them.
pub(super) fn publishing(endpoints: &[EndpointState]) -> Option<&EndpointState> {
    let on_bridge = |e: &&EndpointState| e.has_exit && !e.host_interface.is_empty();
    let best = || best_first(endpoints).into_iter().find(on_bridge);
    endpoints.iter().find(|e| !e.ports.is_empty()).or_else(best)
}
