//! Networks as the API shows them: the default ones, until networks can be made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use gantry_api_types::{Filters, Ipam, IpamConfig, NetworkContainer, NetworkResource};
use gantry_network::{NetworkInfo, Networks};

use crate::containers::Containers;
use crate::{Error, clock};

/// The service for networks; a clone is the same service.
#[derive(Clone)]
pub struct Networking {
    networks: Arc<Networks>,
    containers: Containers,
}

impl Networking {
    pub(crate) fn new(networks: Arc<Networks>, containers: Containers) -> Self {
        Self {
            networks,
            containers,
        }
    }

    /// The networks that pass the filters.
    pub fn list(&self, filters: &Filters) -> Result<Vec<NetworkResource>, Error> {
        const KNOWN: [&str; 7] = ["dangling", "driver", "id", "label", "name", "scope", "type"];
        filters
            .accept(&KNOWN)
            .map_err(|e| Error::Invalid(e.to_string()))?;
        let passes = |n: &NetworkInfo| {
            filters.prefix("id", &n.id)
                && (!filters.has("name") || filters.values("name").any(|v| n.name.contains(v)))
                && filters.exact("driver", n.driver.name())
                && filters.exact("scope", "local")
                && filters.exact("type", "builtin")
                && filters.pairs("label", &BTreeMap::new())
                && !matches!(filters.truth("dangling"), Ok(Some(true)))
        };
        Ok(self
            .networks
            .networks()
            .iter()
            .filter(|n| passes(n))
            .map(resource)
            .collect())
    }

    /// One network with its containers, by name, ID or ID prefix.
    pub fn inspect(&self, text: &str) -> Result<NetworkResource, Error> {
        let all = self.networks.networks();
        let by_name = all.iter().find(|n| n.name == text || n.id == text);
        let by_prefix = || {
            all.iter()
                .find(|n| !text.is_empty() && n.id.starts_with(text))
        };
        let found = by_name
            .or_else(by_prefix)
            .ok_or_else(|| Error::NoSuchNetwork(text.to_owned()))?;
        let mut resource = resource(found);
        resource.containers = Some(self.members(found));
        Ok(resource)
    }

    fn members(&self, network: &NetworkInfo) -> BTreeMap<String, NetworkContainer> {
        let member = |container: &Arc<crate::containers::Container>| {
            let record = container.record();
            let live = record.state.phase.is_live();
            if !live || record.host_config.network_mode != network.name {
                return None;
            }
            let endpoint = record.state.endpoint.as_ref();
            let member = NetworkContainer {
                name: record.name.clone(),
                endpoint_id: endpoint.map(|e| e.endpoint_id.clone()).unwrap_or_default(),
                mac_address: endpoint.map(|e| e.mac.to_string()).unwrap_or_default(),
                ipv4_address: endpoint
                    .map(|e| format!("{}/{}", e.ip, e.prefix))
                    .unwrap_or_default(),
                ipv6_address: String::new(),
            };
            Some((record.id.clone(), member))
        };
        self.containers
            .registry
            .all()
            .iter()
            .filter_map(member)
            .collect()
    }
}

fn resource(network: &NetworkInfo) -> NetworkResource {
    let created = network
        .created
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as i64);
    let pool = network.subnet.map(|subnet| IpamConfig {
        subnet: subnet.to_string(),
        gateway: network.gateway.map(|g| g.to_string()).unwrap_or_default(),
        ..IpamConfig::default()
    });
    NetworkResource {
        name: network.name.clone(),
        id: network.id.clone(),
        created: clock::rfc3339(created),
        scope: "local".to_owned(),
        driver: network.driver.name().to_owned(),
        enable_ipv4: true,
        ipam: Ipam {
            driver: "default".to_owned(),
            options: None,
            config: pool.map(|pool| vec![pool]),
        },
        containers: Some(BTreeMap::new()),
        options: Some(network.options.iter().cloned().collect()),
        labels: Some(BTreeMap::new()),
        ..NetworkResource::default()
    }
}
