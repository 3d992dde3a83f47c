//! Addresses of hosts, without getaddrinfo: a static program has none that works everywhere.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;

/// The addresses of a host; `/etc/hosts` first, then the servers of `/etc/resolv.conf`.
pub(crate) async fn addresses(host: &str) -> io::Result<Vec<IpAddr>> {
    if let Ok(literal) = host.parse() {
        return Ok(vec![literal]);
    }
    if host == "localhost" {
        return Ok(vec![Ipv4Addr::LOCALHOST.into()]);
    }
    let failed = |reason: &dyn std::fmt::Display| {
        io::Error::new(
            io::ErrorKind::HostUnreachable,
            format!("lookup {host}: {reason}"),
        )
    };
    let mut builder = TokioResolver::builder_tokio().map_err(|e| failed(&e))?;
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    let found = builder.build().lookup_ip(host).await.map_err(|e| {
        if e.is_no_records_found() {
            failed(&"no such host")
        } else {
            failed(&e)
        }
    })?;
    Ok(found.iter().collect())
}
