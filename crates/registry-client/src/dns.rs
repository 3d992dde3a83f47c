//! Looking up names without getaddrinfo.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::name_server::TokioConnectionProvider;
use hickory_resolver::system_conf::read_system_conf;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::hosts;

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// `/etc/hosts` first, then the servers of `/etc/resolv.conf`.
///
/// The latter is read again when it has changed: a daemon may start before the network is up.
#[derive(Debug, Clone, Default)]
pub struct Resolver(Arc<Mutex<Option<Loaded>>>);

#[derive(Debug)]
struct Loaded {
    modified: Option<SystemTime>,
    resolver: TokioResolver,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let addresses = this
                .addresses(host)
                .await
                .map_err(|error| -> Failure { format!("lookup {host}: {error}").into() })?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// An address of a host, as programs find it: `/etc/hosts` first, then the name servers.
pub async fn lookup(host: &str) -> Result<IpAddr, String> {
    let found = Resolver::default().addresses(host).await;
    let found = found.map_err(|e| format!("lookup {host}: {e}"))?;
    let first = found.first().map(SocketAddr::ip);
    first.ok_or_else(|| format!("lookup {host}: no such host"))
}

impl Resolver {
    /// The addresses of a host, or why there are none.
    pub async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let found = self.addresses(host).await;
        let found = found.map_err(|error| format!("lookup {host}: {error}"))?;
        Ok(found.iter().map(SocketAddr::ip).collect())
    }

    async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, Failure> {
        // The port is filled in by the caller.
        let known = hosts::known_addresses(host);
        if !known.is_empty() {
            return Ok(known
                .into_iter()
                .map(|address| (address, 0).into())
                .collect());
        }
        let resolver = self.current()?;
        let found = resolver.lookup_ip(host).await.map_err(|error| -> Failure {
            if error.is_no_records_found() {
                "no such host".into()
            } else {
                error.into()
            }
        })?;
        Ok(found.iter().map(|address| (address, 0).into()).collect())
    }

    fn current(&self) -> Result<TokioResolver, Failure> {
        let modified = std::fs::metadata(RESOLV_CONF)
            .and_then(|meta| meta.modified())
            .ok();
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = loaded.as_ref().filter(|loaded| loaded.modified == modified) {
            return Ok(loaded.resolver.clone());
        }
        let (config, mut options) =
            read_system_conf().map_err(|error| format!("reading {RESOLV_CONF}: {error}"))?;
        if config.name_servers().is_empty() {
            return Err(format!("no such host ({RESOLV_CONF} names no server)").into());
        }
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let provider = TokioConnectionProvider::default();
        let resolver = TokioResolver::builder_with_config(config, provider)
            .with_options(options)
            .build();
        *loaded = Some(Loaded {
            modified,
            resolver: resolver.clone(),
        });
        Ok(resolver)
    }
}
