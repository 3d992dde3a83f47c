//! HTTP clients, made when they are first needed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{NoProxy, Proxy};
use rustls::ClientConfig;

use crate::config::{Config, Proxies};
use crate::dns::Resolver;
use crate::{Error, tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection on which nothing arrives for so long is taken for dead.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Connections are kept between the requests of one pull, not for the next one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Trust {
    /// Certificates are verified, with those of this registry added.
    Verify {
        /// `host[:port]`.
        registry: String,
    },
    /// Any certificate will do, and plain HTTP too.
    Any,
}

/// HTTP clients by trust.
#[derive(Debug)]
pub(crate) struct Transport {
    certs_dir: PathBuf,
    proxies: Proxies,
    user_agent: String,
    resolver: Resolver,
    clients: Mutex<HashMap<Trust, reqwest::Client>>,
}

impl Transport {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            certs_dir: config.certs_dir.clone(),
            proxies: config.proxies.clone().unwrap_or_else(Proxies::from_env),
            user_agent: config.user_agent.clone(),
            resolver: Resolver::default(),
            clients: Mutex::default(),
        }
    }

    pub(crate) fn client(&self, trust: &Trust) -> Result<reqwest::Client, Error> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.key(trust);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(self.tls(&key)?)?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// Registries without certificates of their own share one client.
    fn key(&self, trust: &Trust) -> Trust {
        match trust {
            Trust::Verify { registry } if !self.certs_dir.join(registry).is_dir() => {
                Trust::Verify {
                    registry: String::new(),
                }
            }
            other => other.clone(),
        }
    }

    fn tls(&self, trust: &Trust) -> Result<ClientConfig, Error> {
        match trust {
            Trust::Verify { registry } if registry.is_empty() => tls::verifying("".as_ref()),
            Trust::Verify { registry } => tls::verifying(&self.certs_dir.join(registry)),
            Trust::Any => tls::trusting(),
        }
    }

    fn build(&self, tls: ClientConfig) -> Result<reqwest::Client, Error> {
        let mut builder = reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .dns_resolver(std::sync::Arc::new(self.resolver.clone()))
            .user_agent(&self.user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .no_proxy();
        for proxy in self.proxy_rules()? {
            builder = builder.proxy(proxy);
        }
        builder
            .build()
            .map_err(|error| Error::Config(crate::request::reason(&error)))
    }

    fn proxy_rules(&self) -> Result<Vec<Proxy>, Error> {
        // As in Go, this machine itself is never asked for through a proxy.
        let own = "localhost,127.0.0.0/8,::1";
        let direct = match &self.proxies.no_proxy {
            Some(list) => format!("{list},{own}"),
            None => own.to_owned(),
        };
        let rule = |url: &Option<String>, make: fn(String) -> reqwest::Result<Proxy>| {
            url.clone().map(|url| {
                let named = if url.contains("://") {
                    url
                } else {
                    format!("http://{url}")
                };
                let wrong = |error: reqwest::Error| {
                    Error::Config(format!("proxy {named}: {}", crate::request::reason(&error)))
                };
                let proxy = make(named.clone()).map_err(wrong)?;
                Ok(proxy.no_proxy(NoProxy::from_string(&direct)))
            })
        };
        [
            rule(&self.proxies.http_proxy, Proxy::http),
            rule(&self.proxies.https_proxy, Proxy::https),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
