//! The text of a container's `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname`.

mod hosts;
mod resolv_conf;

pub use hosts::{with_addresses, without_addresses};
pub(crate) use resolv_conf::HostServers;

use std::net::IpAddr;
use std::path::Path;

use crate::error::Result;

/// How names are looked up: `--dns`, `--dns-search`, `--dns-option`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsOptions {
    /// Name servers.
    pub servers: Vec<IpAddr>,
    /// Search domains; a single `.` means none at all.
    pub search: Vec<String>,
    /// Resolver options, as in `ndots:2`.
    pub options: Vec<String>,
}

/// Which network the files are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment<'a> {
    /// Addresses on the default bridge.
    Bridge(&'a [IpAddr]),
    /// Addresses on networks with names.
    Named(&'a [IpAddr]),
    /// The host's own namespace.
    Host,
    /// No network.
    None,
}

/// What the files shall say.
#[derive(Debug, Clone)]
pub struct FilesRequest<'a> {
    /// The container's host name.
    pub hostname: &'a str,
    /// The container's domain name, or empty.
    pub domainname: &'a str,
    /// The container's network.
    pub attachment: Attachment<'a>,
    /// The container's own DNS options; the daemon's take the place of empty ones.
    pub dns: &'a DnsOptions,
    /// `--add-host`: `name:address`, `name=address` or `name:host-gateway`.
    pub extra_hosts: &'a [String],
}

/// The files' text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFiles {
    /// `/etc/hosts`.
    pub hosts: String,
    /// `/etc/resolv.conf`.
    pub resolv_conf: String,
    /// `/etc/hostname`.
    pub hostname: String,
}

/// Renders the files from the host's own and from what is asked.
pub(crate) fn render(
    request: &FilesRequest<'_>,
    daemon_dns: &DnsOptions,
    host_gateway: IpAddr,
) -> Result<ContainerFiles> {
    let etc = Path::new("/");
    Ok(ContainerFiles {
        hosts: hosts::render(request, host_gateway, etc)?,
        resolv_conf: resolv_conf::render(request, daemon_dns, etc),
        hostname: format!("{}\n", request.hostname),
    })
}
