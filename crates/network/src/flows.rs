//! Deleting the tracked flows of endpoints that are gone.

use gantry_netlink::conntrack::{Conntrack, Flow};

use crate::endpoint::{BoundPort, EndpointState, Protocol};

/// Deletes the flows that lead to gone endpoints.
///
/// Only UDP flows need it: a client that goes on sending would be translated to the old address
/// for as long as it does. Listing the flows costs time in proportion to the host's traffic, so
/// nothing is listed when no endpoint published a UDP port.
pub(crate) fn forget<'a>(endpoints: impl Iterator<Item = &'a EndpointState>) {
    let udp: Vec<_> = endpoints
        .filter(|endpoint| publishes_udp(&endpoint.ports))
        .collect();
    if udp.is_empty() {
        return;
    }
    delete(|flow| {
        udp.iter().any(|endpoint| {
            endpoint.addresses().any(|own| flow.reply.source == own)
                || endpoint.ports.iter().any(|port| leads_to(flow, port))
        })
    });
}

/// Deletes the flows that came to a port before it was published, so that the next packet of
/// each is a new one and meets the translation.
pub(crate) fn renew(ports: &[BoundPort]) {
    if publishes_udp(ports) {
        delete(|flow| ports.iter().any(|port| leads_to(flow, port)));
    }
}

fn publishes_udp(ports: &[BoundPort]) -> bool {
    ports.iter().any(|port| port.protocol == Protocol::Udp)
}

fn leads_to(flow: &Flow, port: &BoundPort) -> bool {
    flow.original.destination_port == port.host_port
        && flow.original.protocol == port.protocol.number()
        && (port.host_ip.is_unspecified() || flow.original.destination == port.host_ip)
}

fn delete(which: impl Fn(&Flow) -> bool) {
    let udp = |flow: &Flow| flow.original.protocol == Protocol::Udp.number();
    let deleted = Conntrack::open().and_then(|conntrack| {
        let flows = conntrack.flows()?;
        let gone: Vec<Flow> = flows
            .into_iter()
            .filter(|flow| udp(flow) && which(flow))
            .collect();
        conntrack.delete(&gone)
    });
    // A kernel without ctnetlink: the flows end by themselves after their time.
    if let Err(error) = deleted {
        tracing::debug!(%error, "cannot delete tracked connections");
    }
}
