//! The service: open, create a sandbox, connect, disconnect, restore, close.

use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

use crate::config::NetworkConfig;
use crate::endpoint::{Endpoint, EndpointRequest, EndpointState};
use crate::error::{Error, Result};
use crate::files::{ContainerFiles, FilesRequest};
use crate::info::NetworkInfo;
use crate::sandbox::Sandbox;

/// All networks of one daemon. `Send + Sync`; share it by `Arc`.
#[derive(Debug)]
pub struct Networks {
    config: NetworkConfig,
}

impl Networks {
    /// Makes or adopts the bridge and our nf_tables table. Doing it again changes nothing.
    pub fn open(config: NetworkConfig) -> Result<Self> {
        Ok(Self { config })
    }

    /// A fresh network namespace with `lo` up, from the pool when one is ready.
    pub fn create_sandbox(&self) -> Result<Sandbox> {
        Err(unfinished())
    }

    /// Connects a namespace to the default bridge as its `eth0` and publishes its ports.
    ///
    /// All or nothing: after an error the namespace, the address and the ports are free.
    pub fn connect(&self, _netns: BorrowedFd<'_>, _request: EndpointRequest) -> Result<Endpoint> {
        Err(unfinished())
    }

    /// Ends an endpoint: its ports, its address and its interface. Doing it again is fine.
    pub fn disconnect(&self, _endpoint: &EndpointState) -> Result<()> {
        Err(unfinished())
    }

    /// After a restart of the daemon: takes the live endpoints over and removes all others.
    ///
    /// To be called once, after [`Networks::open`] and before the first [`Networks::connect`],
    /// also with an empty list. Traffic of the live ones goes on all the while.
    pub fn restore(&self, _live: Vec<EndpointState>) -> Result<()> {
        Err(unfinished())
    }

    /// Ends the service. With `remove_all` nothing is left on the host: bridge, table, rules;
    /// without, running containers keep their traffic.
    pub fn close(&self, _remove_all: bool) -> Result<()> {
        Err(unfinished())
    }

    /// The default networks: `bridge`, `host` and `none`, in this order.
    pub fn networks(&self) -> Vec<NetworkInfo> {
        Vec::new()
    }

    /// The live endpoints on the default bridge.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        Vec::new()
    }

    /// The address that `host-gateway` stands for in `--add-host`.
    pub fn host_gateway(&self) -> Ipv4Addr {
        self.config.host_gateway.unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// The text of a container's `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname`.
    pub fn files(&self, _request: &FilesRequest<'_>) -> Result<ContainerFiles> {
        Err(unfinished())
    }
}

fn unfinished() -> Error {
    Error::system(
        "use networks",
        std::io::Error::from(std::io::ErrorKind::Unsupported),
    )
}
