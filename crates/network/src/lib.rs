//! Networks of containers: the default bridge, sandboxes, addresses, published ports, firewall.
//!
//! [`Networks`] is the only way in. [`Networks::open`] makes or adopts the bridge and our
//! nf_tables table; [`Networks::create_sandbox`] hands out a network namespace with `lo` up;
//! [`Networks::connect`] puts an endpoint (a veth pair, an address, published ports) into it;
//! [`Networks::restore`] takes the live ones over after a restart. All calls block; an async
//! caller runs them on a blocking thread. They act in the calling thread's network namespace.
//!
//! This crate knows no container but by its id, and no file of a container but the text of
//! its `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname` (module [`files`]).
//!
//! # The ways of packets
//!
//! ```text
//!  outside ── eth0 ─┐                        ┌─ gv3f… ── eth0 in container A 172.17.0.2
//!                   ├─ host ─ gantry0 bridge ─┤
//!  host's programs ─┘        172.17.0.1      └─ gv91… ── eth0 in container B 172.17.0.3
//! ```
//!
//! Our table has a set of our bridges, one of our subnets, one map of published ports by
//! (protocol, port) for those of every host address and one by (address, protocol, port) for
//! those of a single one. Each chain does a fixed number of look-ups, however many containers
//! there are. Only the first packet of a connection meets the translating chains; all others
//! are translated by connection tracking and accepted by the first rule of `forward`.
//!
//! - **Outside → published port.** `prerouting`: the destination is one of the host's addresses
//!   and the map has the port, so it becomes the container's. `forward`: out to a bridge of ours
//!   and translated, so it may pass. Nothing touches the source: the container sees the client.
//! - **Outside → container's own address.** `forward`: out to our bridge, not translated: dropped.
//! - **The host → published port** by one of its addresses: the same translation in `output`.
//!   By 127.0.0.1: the kernel routes 127/8 to a bridge only with that bridge's `route_localnet`;
//!   `postrouting` then gives the packet the bridge's address as its source, or the container
//!   would answer to its own 127.0.0.1.
//! - **Whatever else is for or from 127/8** and did not enter on `lo` dies in `loopback-guard`,
//!   ahead of all else: `route_localnet` would let containers reach the host's loopback servers,
//!   or pretend to be local clients of its other servers.
//! - **Container → published port of another container or of itself** by the host's address:
//!   translated as from outside, but the target would answer its neighbour directly, so
//!   `postrouting` puts the bridge's address in place of the source (hairpin). Where br_netfilter
//!   has bridged frames meet these chains, the packet never leaves the bridge and must go out of
//!   the port it came in by: hence hairpin mode on each port.
//! - **Container → container** on one bridge: switched, not routed; with br_netfilter it meets
//!   `forward`, which lets pairs of the same bridge pass. **Between bridges:** dropped.
//! - **Linked containers** of a default bridge that keeps its containers apart: `forward` has a set
//!   of who may ask what; see `linked.rs`.
//! - **Container → outside.** `postrouting`: from a subnet of ours and not to a bridge of ours:
//!   the source becomes the host's address.
//!
//! - **`[::1]` → published port**, and a family of addresses that the container lacks: not the
//!   kernel's to translate. The packet reaches the socket that holds the port, and the monitor,
//!   which has it, passes bytes on ([`EndpointState::relays`]).
//! - **Routed networks** have no ports of the host: `forward` lets pass what is for a container's
//!   own address and published port.
//! - **With `honor_input`**, what comes from outside first goes through the host's INPUT chains; see
//!   `firewall/gate.rs`.
//!
//! Each published host port is also held by a real socket ([`Endpoint::reserved`]), so that a
//! port taken by another program is refused, and other programs cannot take ours.
//!
//! Where another program's `forward` chain drops by default, two rules of ours by bridge name
//! go into it, for no accept in one table undoes a drop in another; they go when the service is
//! closed for good. A thread hears of others' changes and puts back what they took away.
#![forbid(unsafe_code)]

mod address;
mod addresses;
mod bridge;
mod catalog;
mod child;
mod config;
mod connect;
mod definition;
mod door;
mod endpoint;
mod error;
pub mod files;
mod firewall;
mod flows;
mod holder;
mod identity;
mod inside;
mod ipv6;
mod linked;
mod names;
mod net;
mod networks;
mod options;
mod plan;
mod ports;
mod reaper;
mod republish;
mod retired;
mod sandbox;
mod store;
mod subnet;
mod veth;

pub use address::{AddressPool, Cidr, MacAddress};
pub use config::NetworkConfig;
pub use definition::{Driver, NetworkInfo, Subnet};
pub use endpoint::{
    BoundPort, Endpoint, EndpointRequest, EndpointState, HostPort, Lease, PortRequest, Protocol,
    RelayedPort,
};
pub use error::{Error, Kind, Result};
pub use holder::Holder;
pub use linked::LinkedPort;
pub use names::Link;
pub use networks::Networks;
pub use plan::{NetworkRequest, PoolRequest};
pub use sandbox::Sandbox;
