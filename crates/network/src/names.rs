//! The names of containers, by network, and who may see which.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::endpoint::EndpointState;

/// One container under a name.
#[derive(Debug, Clone)]
struct Bearer {
    endpoint: String,
    addresses: Vec<IpAddr>,
}

/// The names on one network.
#[derive(Debug, Default)]
struct NetworkNames {
    bearers: HashMap<String, Vec<Bearer>>,
    /// The first name of an endpoint, by its addresses.
    by_address: HashMap<IpAddr, (String, String)>,
}

/// What one container alone calls another one, on one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The network's name.
    pub network: String,
    /// Its own name for the other one.
    pub own: String,
    /// A name that the other one has there.
    pub other: String,
}

/// A network as one container sees it.
#[derive(Debug, Clone)]
struct View {
    network_id: String,
    network_name: String,
    endpoint: String,
    priority: i64,
    has_exit: bool,
}

impl View {
    /// `name` of `name.network`.
    fn plain<'a>(&self, name: &'a str) -> Option<&'a str> {
        let plain = name.strip_suffix(self.network_name.as_str())?;
        plain.strip_suffix('.')
    }
}

/// What one container sees.
#[derive(Debug, Default)]
struct Scope {
    /// The network that gives the default route first.
    views: Vec<View>,
    /// Names that only this container uses, by network, each for another name.
    links: HashMap<String, HashMap<String, String>>,
    /// Name servers that only this container asks.
    servers: Vec<IpAddr>,
}

/// All names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    networks: HashMap<String, NetworkNames>,
    scopes: HashMap<String, Scope>,
}

impl Names {
    /// Makes an endpoint's names known; `addresses` are those that they mean.
    pub(crate) fn add(&mut self, endpoint: &EndpointState, addresses: &[IpAddr]) {
        let network = self
            .networks
            .entry(endpoint.network_id.clone())
            .or_default();
        let bearer = Bearer {
            endpoint: endpoint.endpoint_id.clone(),
            addresses: addresses.to_vec(),
        };
        for name in &endpoint.names {
            let bearers = network.bearers.entry(lower(name)).or_default();
            bearers.push(bearer.clone());
        }
        if let Some(first) = endpoint.names.first() {
            for address in endpoint.addresses() {
                let owner = (endpoint.endpoint_id.clone(), first.clone());
                network.by_address.insert(address, owner);
            }
        }
        let scope = self
            .scopes
            .entry(endpoint.container_id.clone())
            .or_default();
        scope.views.push(View {
            network_id: endpoint.network_id.clone(),
            network_name: lower(&endpoint.network_name),
            endpoint: endpoint.endpoint_id.clone(),
            priority: endpoint.gateway_priority,
            has_exit: endpoint.has_exit,
        });
        scope.views.sort_by(|a, b| {
            let by_priority = b.priority.cmp(&a.priority);
            by_priority.then_with(|| a.network_name.cmp(&b.network_name))
        });
    }

    /// Forgets an endpoint's names.
    pub(crate) fn remove(&mut self, endpoint: &EndpointState) {
        let id = &endpoint.endpoint_id;
        if let Some(network) = self.networks.get_mut(&endpoint.network_id) {
            for name in &endpoint.names {
                let name = lower(name);
                if let Some(bearers) = network.bearers.get_mut(&name) {
                    bearers.retain(|bearer| bearer.endpoint != *id);
                    if bearers.is_empty() {
                        network.bearers.remove(&name);
                    }
                }
            }
            for address in endpoint.addresses() {
                if network
                    .by_address
                    .get(&address)
                    .is_some_and(|(owner, _)| owner == id)
                {
                    network.by_address.remove(&address);
                }
            }
            if network.bearers.is_empty() && network.by_address.is_empty() {
                self.networks.remove(&endpoint.network_id);
            }
        }
        if let Some(scope) = self.scopes.get_mut(&endpoint.container_id) {
            scope.views.retain(|view| view.endpoint != *id);
            if scope.views.is_empty() {
                self.scopes.remove(&endpoint.container_id);
            }
        }
    }

    /// Names that only this container uses, and its own servers.
    pub(crate) fn set_lookups(&mut self, container: &str, links: &[Link], servers: &[IpAddr]) {
        if let Some(scope) = self.scopes.get_mut(container) {
            scope.links.clear();
            for link in links {
                let on_network = scope.links.entry(lower(&link.network)).or_default();
                on_network.insert(lower(&link.own), lower(&link.other));
            }
            scope.servers = servers.to_vec();
        }
    }

    /// The name servers that a container alone asks.
    pub(crate) fn servers(&self, container: &str) -> Vec<IpAddr> {
        let scope = self.scopes.get(container);
        scope.map(|scope| scope.servers.clone()).unwrap_or_default()
    }

    /// Replaces an endpoint's names; what its container sees stays.
    pub(crate) fn rename(&mut self, old: &EndpointState, new: &EndpointState, means: &[IpAddr]) {
        let scope = self.scopes.remove(&old.container_id);
        self.remove(old);
        self.add(new, means);
        if let Some(scope) = scope {
            self.scopes.insert(new.container_id.clone(), scope);
        }
    }

    /// What a name means to a container: one that it alone uses, or else on the first of its networks
    /// that knows it.
    pub(crate) fn resolve(&self, container: &str, name: &str) -> Option<Vec<IpAddr>> {
        let scope = self.scopes.get(container)?;
        let linked = scope.views.iter().find_map(|view| {
            let links = scope.links.get(&view.network_name)?;
            let other = links.get(name).or_else(|| links.get(view.plain(name)?))?;
            self.on(view, other)
        });
        linked.or_else(|| {
            let known = |view: &View| {
                let qualified = || self.on(view, view.plain(name)?);
                self.on(view, name).or_else(qualified)
            };
            scope.views.iter().find_map(known)
        })
    }

    /// What a name means on one network.
    fn on(&self, view: &View, name: &str) -> Option<Vec<IpAddr>> {
        let bearers = self.networks.get(&view.network_id)?.bearers.get(name)?;
        let addresses = bearers.iter().flat_map(|bearer| &bearer.addresses);
        Some(addresses.copied().collect())
    }

    /// The name of an address, with its network's.
    pub(crate) fn name_of(&self, container: &str, address: IpAddr) -> Option<String> {
        let scope = self.scopes.get(container)?;
        scope.views.iter().find_map(|view| {
            let network = self.networks.get(&view.network_id)?;
            let (_, name) = network.by_address.get(&address)?;
            Some(format!("{name}.{}", view.network_name))
        })
    }

    /// Whether a container has a network with a way out.
    pub(crate) fn sees_outside(&self, container: &str) -> bool {
        let scope = self.scopes.get(container);
        scope.is_some_and(|scope| scope.views.iter().any(|view| view.has_exit))
    }
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Cidr;
    use crate::endpoint::Lease;

    fn endpoint(container: &str, network: &str, ip: &str, names: &[&str]) -> EndpointState {
        EndpointState {
            endpoint_id: format!("{container}@{network}"),
            container_id: container.to_owned(),
            network_name: network.to_owned(),
            network_id: format!("id of {network}"),
            v4: Some(Lease {
                address: Cidr::new(ip.parse::<IpAddr>().unwrap(), 24).unwrap(),
                gateway: None,
            }),
            v6: None,
            mac: None,
            ports: Vec::new(),
            host_interface: String::new(),
            interface: String::new(),
            gateway_priority: 0,
            has_exit: true,
            direct: false,
            names: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn link(network: &str, own: &str, other: &str) -> Link {
        Link {
            network: network.to_owned(),
            own: own.to_owned(),
            other: other.to_owned(),
        }
    }

    #[test]
    fn a_link_is_of_its_network() {
        let mut names = Names::default();
        for (network, own, other) in [
            ("back", "10.0.1.2", "10.0.1.3"),
            ("front", "10.0.0.2", "10.0.0.3"),
        ] {
            add(&mut names, &endpoint("web", network, own, &["web"]));
            add(&mut names, &endpoint("db", network, other, &["db"]));
        }
        names.set_lookups("web", &[link("front", "store", "db")], &[]);
        let front = Some(vec![ip("10.0.0.3")]);
        assert_eq!(names.resolve("web", "store"), front);
        assert_eq!(names.resolve("web", "store.front"), front);
        assert_eq!(names.resolve("web", "store.back"), None);
        // The other's own name means it on the first network, as ever.
        assert_eq!(names.resolve("web", "db"), Some(vec![ip("10.0.1.3")]));
        // A name of one's own hides that of somebody else.
        names.set_lookups("web", &[link("front", "web", "db")], &[]);
        assert_eq!(names.resolve("web", "web"), front);
    }

    fn add(names: &mut Names, endpoint: &EndpointState) {
        let addresses: Vec<_> = endpoint.addresses().collect();
        names.add(endpoint, &addresses);
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_seen_on_ones_own_networks_only() {
        let mut names = Names::default();
        let web = endpoint("web", "front", "10.0.0.2", &["Web", "www"]);
        let db = endpoint("db", "back", "10.0.1.2", &["db"]);
        add(&mut names, &web);
        add(&mut names, &db);
        assert_eq!(names.resolve("web", "web"), Some(vec![ip("10.0.0.2")]));
        assert_eq!(
            names.resolve("web", "www.front"),
            Some(vec![ip("10.0.0.2")])
        );
        assert_eq!(names.resolve("web", "db"), None);
        let both = endpoint("web", "back", "10.0.1.3", &["web"]);
        add(&mut names, &both);
        assert_eq!(names.resolve("web", "db"), Some(vec![ip("10.0.1.2")]));
        assert_eq!(
            names.name_of("web", ip("10.0.1.2")),
            Some("db.back".to_owned())
        );
        names.remove(&both);
        assert_eq!(names.resolve("web", "db"), None);
        names.remove(&web);
        assert_eq!(names.resolve("web", "web"), None);
        assert!(!names.sees_outside("web") && names.sees_outside("db"));
    }

    #[test]
    fn one_name_may_have_several_bearers_and_links_are_private() {
        let mut names = Names::default();
        let replicas = [
            endpoint("a", "net", "10.0.0.2", &["a", "app"]),
            endpoint("b", "net", "10.0.0.3", &["b", "app"]),
        ];
        for replica in &replicas {
            add(&mut names, replica);
        }
        let both = vec![ip("10.0.0.2"), ip("10.0.0.3")];
        assert_eq!(names.resolve("a", "app"), Some(both));
        names.set_lookups("a", &[link("net", "Peer", "b")], &[]);
        assert_eq!(names.resolve("a", "peer"), Some(vec![ip("10.0.0.3")]));
        assert_eq!(names.resolve("b", "peer"), None);
        names.remove(&replicas[0]);
        assert_eq!(names.resolve("b", "app"), Some(vec![ip("10.0.0.3")]));
    }
}
