//! From an endpoint's published ports to elements of sets and maps.

use std::collections::HashSet;
use std::net::IpAddr;

use gantry_nft::{Element, Family};

use super::layout;
use crate::endpoint::{BoundPort, EndpointState, Protocol};
use crate::linked::LinkedPort;

/// What a container is asked for at its own address.
type Direct = (IpAddr, Protocol, u16);

/// The elements of a family's sets and maps for some of an endpoint's ports: those of any host
/// address, those of one, and ports that are reached at the container's own address.
///
/// What `others` of its ports need is left out, for they may share the last kind.
pub(super) fn elements(
    ports: &[BoundPort],
    others: &[BoundPort],
    endpoint: &EndpointState,
    family: Family,
) -> Vec<(&'static str, Vec<Element>)> {
    let (mut by_port, mut by_address) = (Vec::new(), Vec::new());
    let (mut open, mut direct) = (Vec::new(), Vec::new());
    let mut seen: HashSet<Direct> = of_family(others, family)
        .filter_map(|port| own(port, endpoint))
        .collect();
    for port in of_family(ports, family) {
        let Some(target) = endpoint.address_like(port.host_ip) else {
            continue;
        };
        if let Some(key) = own(port, endpoint)
            && seen.insert(key)
        {
            let set = if port.is_open() {
                &mut open
            } else {
                &mut direct
            };
            set.push(of_own_address(key));
        }
        if port.is_open() {
            continue;
        }
        let (protocol, host_port) = (port.protocol.number(), port.host_port.to_be_bytes());
        if port.host_ip.is_unspecified() {
            let key = Element::joined(&[&[protocol], &host_port]);
            by_port.push(to_container(key, port, target));
        } else {
            let host_ip = octets(port.host_ip);
            let key = Element::joined(&[&host_ip, &[protocol], &host_port]);
            by_address.push(to_container(key, port, target));
        }
    }
    vec![
        (layout::PORTS, by_port),
        (layout::ADDRESS_PORTS, by_address),
        (layout::OPEN_PORTS, open),
        (layout::DIRECT_PORTS, direct),
    ]
}

fn of_family(ports: &[BoundPort], family: Family) -> impl Iterator<Item = &BoundPort> {
    let ipv4 = family == Family::Ip;
    ports
        .iter()
        .filter(move |port| port.host_ip.is_ipv4() == ipv4)
}

/// What the port is at the container's own address, where it is reached by that.
fn own(port: &BoundPort, endpoint: &EndpointState) -> Option<Direct> {
    let target = endpoint.address_like(port.host_ip)?;
    (port.is_open() || endpoint.direct).then_some((target, port.protocol, port.container_port))
}

/// A port that a linked container may reach.
pub(super) fn linked(way: &LinkedPort) -> Element {
    let (from, to) = (way.from.octets(), way.to.octets());
    let protocol = [way.protocol.number()];
    Element::joined(&[&from, &to, &protocol, &way.port.to_be_bytes()])
}

fn of_own_address((address, protocol, port): Direct) -> Element {
    Element::joined(&[&octets(address), &[protocol.number()], &port.to_be_bytes()])
}

fn to_container(key: Element, port: &BoundPort, target: IpAddr) -> Element {
    key.maps_to(&[&octets(target), &port.container_port.to_be_bytes()])
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
