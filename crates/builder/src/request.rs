//! What is asked for.

use std::collections::BTreeMap;

use gantry_api_types::{AuthConfig, HostConfig};

/// A build.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What to call the image.
    pub tags: Vec<String>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// Labels for the image.
    pub labels: BTreeMap<String, String>,
    /// `--target`.
    pub target: Option<String>,
    /// Make every layer anew.
    pub no_cache: bool,
    /// Ask registries for newer base images.
    pub pull: bool,
    /// The platform, if not this machine's.
    pub platform: Option<String>,
    /// Limits, network, hosts and so on of the containers that RUN makes.
    pub steps: HostConfig,
    /// Logins by registry.
    pub auth: BTreeMap<String, AuthConfig>,
}

impl Request {
    /// The login for the registry of an image.
    pub(crate) fn login(&self, domain: &str) -> Option<AuthConfig> {
        let hub = ["https://index.docker.io/v1/", "index.docker.io"];
        let known = self.auth.get(domain);
        known
            .or_else(|| {
                let of_hub = domain == gantry_reference::DEFAULT_DOMAIN;
                hub.iter()
                    .filter(|_| of_hub)
                    .find_map(|n| self.auth.get(*n))
            })
            .cloned()
    }
}
