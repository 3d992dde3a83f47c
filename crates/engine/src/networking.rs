//! Networks as the API shows them, and what it does with them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use gantry_api_types::{
    ConfigReference, Filters, Ipam, IpamConfig, NetworkConnectRequest, NetworkContainer,
    NetworkCreateRequest, NetworkCreateResponse, NetworkDisconnectRequest, NetworkResource,
    NetworksPruneReport,
};
use gantry_network::{EndpointState, NetworkInfo, NetworkRequest, Networks, PoolRequest, Subnet};

use crate::containers::{Containers, blocking};
use crate::{Error, Events, clock};

/// The service for networks; a clone is the same service.
#[derive(Clone)]
pub struct Networking {
    networks: Arc<Networks>,
    containers: Containers,
    events: Events,
}

impl Networking {
    pub(crate) fn new(networks: Arc<Networks>, containers: Containers, events: Events) -> Self {
        Self {
            networks,
            containers,
            events,
        }
    }

    /// The networks that pass the filters.
    pub fn list(&self, filters: &Filters) -> Result<Vec<NetworkResource>, Error> {
        const KNOWN: [&str; 7] = ["dangling", "driver", "id", "label", "name", "scope", "type"];
        filters
            .accept(&KNOWN)
            .map_err(|e| Error::Invalid(e.to_string()))?;
        let dangling = filters
            .truth("dangling")
            .map_err(|e| Error::Invalid(e.to_string()))?;
        if let Some(kind) = filters
            .values("type")
            .find(|kind| !matches!(*kind, "builtin" | "custom"))
        {
            return Err(Error::Invalid(format!("invalid filter: 'type'='{kind}'")));
        }
        let passes = |n: &NetworkInfo| {
            let kind = if n.is_predefined() {
                "builtin"
            } else {
                "custom"
            };
            let is_dangling = !n.is_predefined() && !self.networks.is_used(&n.id);
            filters.prefix("id", &n.id)
                && (!filters.has("name") || filters.values("name").any(|v| n.name.contains(v)))
                && filters.exact("driver", n.driver.name())
                && filters.exact("scope", "local")
                && filters.exact("type", kind)
                && filters.pairs("label", &n.labels)
                && dangling.is_none_or(|wanted| wanted == is_dangling)
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
        let found = self.networks.find(text).map_err(Error::Networks)?;
        let mut resource = resource(&found);
        resource.containers = Some(self.members(&found));
        Ok(resource)
    }

    fn members(&self, network: &NetworkInfo) -> BTreeMap<String, NetworkContainer> {
        let endpoints = self.networks.endpoints();
        let members = endpoints
            .iter()
            .filter(|e| e.network_id == network.id)
            .map(|e| (e.container_id.clone(), self.member(e)));
        members.collect()
    }

    fn member(&self, endpoint: &EndpointState) -> NetworkContainer {
        let lease = |lease: Option<gantry_network::Lease>| {
            lease.map(|l| l.address.to_string()).unwrap_or_default()
        };
        NetworkContainer {
            name: self.name_of(&endpoint.container_id).unwrap_or_default(),
            endpoint_id: endpoint.endpoint_id.clone(),
            mac_address: endpoint.mac.map(|mac| mac.to_string()).unwrap_or_default(),
            ipv4_address: lease(endpoint.v4),
            ipv6_address: lease(endpoint.v6),
        }
    }

    fn name_of(&self, container: &str) -> Option<String> {
        let container = self.containers.registry.find(container).ok()?;
        Some(container.name())
    }

    /// Makes a network.
    pub async fn create(
        &self,
        request: NetworkCreateRequest,
    ) -> Result<NetworkCreateResponse, Error> {
        let service = self.clone();
        let made = blocking(move || {
            let request = request_of(request);
            service.networks.create(request).map_err(Error::Networks)
        })
        .await?;
        self.announce(&made, "create");
        Ok(NetworkCreateResponse {
            id: made.id,
            warning: String::new(),
        })
    }

    /// Removes a network that nobody is on.
    pub async fn remove(&self, text: &str) -> Result<(), Error> {
        let (service, text) = (self.clone(), text.to_owned());
        let gone = blocking(move || {
            let name_of = |id: &str| service.name_of(id);
            let gone = service.networks.remove(&text, name_of);
            gone.map_err(Error::Networks)
        })
        .await?;
        // A template's end is not told, as by Docker.
        if !gone.config_only {
            self.announce(&gone, "destroy");
        }
        Ok(())
    }

    /// Removes the networks that nobody is on and that pass the filters.
    pub async fn prune(&self, filters: &Filters) -> Result<NetworksPruneReport, Error> {
        let invalid = |e: &dyn std::fmt::Display| Error::Invalid(e.to_string());
        filters
            .accept(&["label", "label!", "until"])
            .map_err(|e| invalid(&e))?;
        let before = filters.values("until").next().map(until).transpose()?;
        let goes = |n: &NetworkInfo| {
            !n.is_predefined()
                && !self.networks.is_used(&n.id)
                && filters.pairs("label", &n.labels)
                && (!filters.has("label!") || !filters.pairs("label!", &n.labels))
                && before.is_none_or(|before| (n.created as i64) < before)
        };
        let mut deleted = Vec::new();
        for network in self.networks.networks().iter().filter(|n| goes(n)) {
            match self.remove(&network.id).await {
                Ok(()) => deleted.push(network.name.clone()),
                // Somebody has joined it, or it is a template in use: it stays.
                Err(e) => tracing::debug!(network = %network.name, "not pruned: {e}"),
            }
        }
        self.events.network(
            "",
            "prune",
            BTreeMap::from([("reclaimed".to_owned(), "0".to_owned())]),
        );
        Ok(NetworksPruneReport {
            networks_deleted: Some(deleted).filter(|d| !d.is_empty()),
        })
    }

    /// Connects a container to a network.
    pub async fn connect(&self, network: &str, body: NetworkConnectRequest) -> Result<(), Error> {
        let wishes = body.endpoint_config.unwrap_or_default();
        self.containers
            .connect(network, &body.container, wishes)
            .await
    }

    /// Disconnects a container from a network.
    pub async fn disconnect(
        &self,
        network: &str,
        body: NetworkDisconnectRequest,
    ) -> Result<(), Error> {
        self.containers.disconnect(network, &body.container).await
    }

    fn announce(&self, network: &NetworkInfo, action: &str) {
        // A template has no driver of its own.
        let kind = match network.driver.name() {
            _ if network.config_only => "null",
            name => name,
        };
        let attributes = [("name", network.name.as_str()), ("type", kind)];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.events.network(&network.id, action, attributes.into());
    }
}

fn request_of(request: NetworkCreateRequest) -> NetworkRequest {
    let ipam = request.ipam.unwrap_or_default();
    let pool = |pool: IpamConfig| PoolRequest {
        subnet: pool.subnet,
        range: pool.ip_range,
        gateway: pool.gateway,
        auxiliary: pool.auxiliary_addresses,
    };
    NetworkRequest {
        name: request.name,
        driver: request.driver,
        scope: request.scope,
        ipv4: request.enable_ipv4,
        ipv6: request.enable_ipv6,
        pools: ipam
            .config
            .unwrap_or_default()
            .into_iter()
            .map(pool)
            .collect(),
        ipam_driver: ipam.driver,
        ipam_options: ipam.options,
        internal: request.internal,
        attachable: request.attachable,
        ingress: request.ingress,
        config_only: request.config_only,
        config_from: request.config_from.unwrap_or_default().network,
        options: request.options.unwrap_or_default(),
        labels: request.labels.unwrap_or_default(),
    }
}

fn resource(network: &NetworkInfo) -> NetworkResource {
    let created = network
        .created_at()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as i64);
    let pool = |subnet: &Subnet| IpamConfig {
        subnet: subnet.subnet.to_string(),
        ip_range: subnet.range.map(|r| r.to_string()).unwrap_or_default(),
        gateway: subnet.gateway.map(|g| g.to_string()).unwrap_or_default(),
        auxiliary_addresses: subnet
            .auxiliary
            .iter()
            .map(|(name, address)| (name.clone(), address.to_string()))
            .collect(),
    };
    let pools: Vec<IpamConfig> = network.subnets.iter().map(pool).collect();
    NetworkResource {
        name: network.name.clone(),
        id: network.id.clone(),
        created: clock::rfc3339(created),
        scope: "local".to_owned(),
        driver: network.driver.name().to_owned(),
        enable_ipv4: network.ipv4,
        enable_ipv6: network.ipv6,
        ipam: Ipam {
            driver: "default".to_owned(),
            options: network.ipam_options.clone(),
            config: if network.is_predefined() && pools.is_empty() {
                None
            } else {
                Some(pools)
            },
        },
        internal: network.internal,
        attachable: network.attachable,
        config_from: ConfigReference {
            network: network.config_from.clone(),
        },
        config_only: network.config_only,
        containers: Some(BTreeMap::new()),
        options: Some(network.options.clone()),
        labels: Some(network.labels.clone()),
        ..NetworkResource::default()
    }
}

/// A Unix time, an RFC 3339 one or a Go duration back from now, as nanoseconds since 1970.
fn until(text: &str) -> Result<i64, Error> {
    let invalid = || {
        Error::Invalid(format!(
            "failed to parse value as time or duration: {text:?}"
        ))
    };
    if let Ok(back) = text.parse::<gantry_units::GoDuration>() {
        return Ok(clock::now_nanos().saturating_sub(back.nanos()));
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1e9) as i64);
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| invalid())?;
    i64::try_from(time.as_nanosecond()).map_err(|_| invalid())
}
