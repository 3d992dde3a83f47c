//! Publishing more or fewer ports of an endpoint that lives.

use std::os::fd::OwnedFd;

use crate::endpoint::{BoundPort, PortRequest};
use crate::error::{Error, Result};
use crate::flows;
use crate::net::Means;
use crate::networks::{Networks, Undo, lock};
use crate::ports::{PortOwner, Way};

impl Networks {
    /// Publishes more ports of a live endpoint; whoever keeps its sockets must keep these too.
    pub fn publish(
        &self,
        endpoint_id: &str,
        requests: &[PortRequest],
    ) -> Result<(Vec<BoundPort>, Vec<OwnedFd>)> {
        let endpoint = self.live_endpoint(endpoint_id)?;
        let owner = PortOwner {
            container: &endpoint.container_id,
            endpoint: endpoint_id,
            default_address: self.host_binding(&endpoint),
            ipv4: self.way(&endpoint, true),
            ipv6: self.way(&endpoint, false),
            network: &endpoint.network_name,
        };
        let (ports, sockets) = self.take_ports(requests, owner)?;
        let guard = Undo::new(|| lock(&self.ports).release(&ports, endpoint_id));
        self.firewall.publish(&ports, &endpoint)?;
        guard.keep();
        flows::renew(&ports);
        if let Some(live) = lock(&self.live).get_mut(endpoint_id) {
            live.ports.extend(ports.iter().copied());
        }
        Ok((ports, sockets))
    }

    /// Ends the publication of some ports of a live endpoint; connections that are there go on.
    pub fn unpublish(&self, endpoint_id: &str, ports: &[BoundPort]) -> Result<()> {
        let endpoint = self.live_endpoint(endpoint_id)?;
        self.firewall.unpublish(ports, &endpoint)?;
        lock(&self.ports).release(ports, endpoint_id);
        flows::renew(ports);
        if let Some(live) = lock(&self.live).get_mut(endpoint_id) {
            live.ports.retain(|port| !ports.contains(port));
        }
        Ok(())
    }

    /// Where the endpoint's network publishes what names no address.
    fn host_binding(&self, endpoint: &crate::EndpointState) -> Option<std::net::IpAddr> {
        match &self.net(&endpoint.network_id).ok()?.means {
            Means::Bridge(_, options) => options.host_binding,
            _ => None,
        }
    }

    fn way(&self, endpoint: &crate::EndpointState, ipv4: bool) -> Way {
        let net = self.net(&endpoint.network_id);
        net.map_or(Way::None, |net| net.way(ipv4))
    }

    fn live_endpoint(&self, endpoint_id: &str) -> Result<crate::EndpointState> {
        let found = lock(&self.live).get(endpoint_id).cloned();
        found.ok_or_else(|| {
            let gone = std::io::Error::new(std::io::ErrorKind::NotFound, "it is not connected");
            Error::system(format!("change the ports of endpoint {endpoint_id}"), gone)
        })
    }
}
