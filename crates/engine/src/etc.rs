//! The container's `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname`.

use gantry_network::files::{Attachment, ContainerFiles, DnsOptions, FilesRequest};
use gantry_network::{EndpointState, Networks};

use crate::Error;
use crate::containers::Record;

/// Renders the files for a container that is about to start.
pub(crate) fn render(
    networks: &Networks,
    record: &Record,
    endpoint: Option<&EndpointState>,
    linked: &[String],
) -> Result<ContainerFiles, Error> {
    let host = &record.host_config;
    let dns = DnsOptions {
        servers: servers(host.dns.as_deref().unwrap_or_default())?,
        search: host.dns_search.clone().unwrap_or_default(),
        options: host.dns_options.clone().unwrap_or_default(),
    };
    let attachment = match (endpoint, host.network_mode.as_str()) {
        (Some(endpoint), _) => Attachment::Bridge(endpoint.ip),
        (None, "host") => Attachment::Host,
        (None, _) => Attachment::None,
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

fn servers(given: &[String]) -> Result<Vec<std::net::IpAddr>, Error> {
    given
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|_| Error::Invalid(format!("{text} is not an ip address (--dns)")))
        })
        .collect()
}
