//! Networks of containers: the default bridge, sandboxes, addresses, published ports, firewall.
//!
//! [`Networks`] is the only way in. [`Networks::open`] makes or adopts the bridge and our
//! nf_tables table; [`Networks::create_sandbox`] hands out a network namespace with `lo` up;
//! [`Networks::connect`] puts an endpoint (a veth pair, an address, published ports) into it.
//! All calls block; an async caller runs them on a blocking thread.
//!
//! This crate knows no container but by its id, and no file of a container but the text of
//! its `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname` (module [`files`]).
#![forbid(unsafe_code)]

mod address;
mod addresses;
mod bridge;
mod config;
mod endpoint;
mod error;
pub mod files;
mod firewall;
mod flows;
mod holder;
mod identity;
mod info;
mod networks;
mod ports;
mod reaper;
mod sandbox;
mod subnet;
mod veth;

pub use address::{AddressPool, Cidr, MacAddress};
pub use config::NetworkConfig;
pub use endpoint::{
    BoundPort, Endpoint, EndpointRequest, EndpointState, HostPort, PortRequest, Protocol,
};
pub use error::{Error, Kind, Result};
pub use holder::Holder;
pub use info::{Driver, NetworkInfo};
pub use networks::Networks;
pub use sandbox::Sandbox;
