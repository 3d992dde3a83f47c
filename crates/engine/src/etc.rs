//! The container's `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname`.

use std::net::IpAddr;

use gantry_network::files::{Attachment, ContainerFiles, DnsOptions, FilesRequest};
use gantry_network::{EndpointState, Networks};

use crate::Error;
use crate::containers::Record;

/// Renders the files for a container that is about to start.
pub(crate) fn render(
    networks: &Networks,
    record: &Record,
    endpoints: &[EndpointState],
    linked: &[String],
) -> Result<ContainerFiles, Error> {
    let host = &record.host_config;
    let dns = DnsOptions {
        servers: servers(host.dns.as_deref().unwrap_or_default())?,
        search: host.dns_search.clone().unwrap_or_default(),
        options: host.dns_options.clone().unwrap_or_default(),
    };
    let addresses: Vec<IpAddr> = endpoints
        .iter()
        .flat_map(EndpointState::addresses)
        .collect();
    let has_names = endpoints.iter().any(|e| !e.names.is_empty());
    let attachment = match host.network_mode.as_str() {
        "host" => Attachment::Host,
        _ if has_names => Attachment::Named(&addresses),
        _ if !addresses.is_empty() => Attachment::Bridge(&addresses),
        _ => Attachment::None,
    };
    let extra_hosts = [linked, host.extra_hosts.as_deref().unwrap_or_default()].concat();
    Ok(networks.files(&FilesRequest {
        hostname: &record.config.hostname,
        domainname: &record.config.domainname,
        attachment,
        dns: &dns,
        extra_hosts: &extra_hosts,
    })?)
}

/// What a container calls itself in its hosts file.
pub(crate) fn own_names(record: &Record) -> String {
    let (name, domain) = (&record.config.hostname, &record.config.domainname);
    if domain.is_empty() {
        name.clone()
    } else {
        format!("{name}.{domain} {name}")
    }
}

fn servers(given: &[String]) -> Result<Vec<IpAddr>, Error> {
    given
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|_| Error::Invalid(format!("{text} is not an ip address (--dns)")))
        })
        .collect()
}
