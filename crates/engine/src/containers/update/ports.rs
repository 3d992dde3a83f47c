//! Publishing more or fewer ports, at once if the container runs.

use std::sync::Arc;

use gantry_api_types::{ContainerChange, HostConfig, PortBinding};
use gantry_monitor::protocol::{HeldPort, Request};
use gantry_network::BoundPort;

use super::super::record::Record;
use super::super::{Container, Containers, blocking, ports};
use crate::Error;

/// `[[host address:]host port:]container port[/protocol]`, as `publish-rm` names what is to go.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    /// `80/tcp`.
    container: String,
    host_ip: Option<String>,
    host_port: Option<String>,
}

impl Named {
    fn parse(text: &str) -> Result<Self, Error> {
        let (host, container) = match text.rsplit_once(':') {
            Some((host, container)) => (Some(host), container),
            None => (None, text),
        };
        let (number, protocol) = ports::container_port(container)?;
        let (host_ip, host_port) = match host.map(|host| host.rsplit_once(':').ok_or(host)) {
            None => (None, None),
            Some(Ok((ip, port))) => (
                Some(ip.trim_matches(['[', ']']).to_owned()),
                Some(port.to_owned()),
            ),
            Some(Err(port)) => (None, Some(port.to_owned())),
        };
        Ok(Self {
            container: format!("{number}/{protocol}"),
            host_ip,
            host_port,
        })
    }

    fn is(&self, container: &str, host_ip: &str, host_port: &str) -> bool {
        let container = if container.contains('/') {
            container.to_owned()
        } else {
            format!("{container}/tcp")
        };
        self.container == container
            && self.host_ip.as_ref().is_none_or(|ip| ip == host_ip)
            && self
                .host_port
                .as_ref()
                .is_none_or(|port| port.is_empty() || port == host_port)
    }

    fn is_bound(&self, port: &BoundPort) -> bool {
        let container = format!("{}/{}", port.container_port, port.protocol);
        self.is(
            &container,
            &port.host_ip.to_string(),
            &port.host_port.to_string(),
        )
    }
}

impl Containers {
    pub(super) async fn change_ports(
        &self,
        container: &Arc<Container>,
        record: &mut Record,
        change: &ContainerChange,
    ) -> Result<(), Error> {
        let gone: Vec<Named> = change
            .publish_remove
            .iter()
            .map(|text| Named::parse(text))
            .collect::<Result<_, _>>()?;
        if gone.is_empty() && change.publish_add.is_empty() {
            return Ok(());
        }
        let more = HostConfig {
            port_bindings: Some(change.publish_add.clone()),
            ..HostConfig::default()
        };
        let requests = ports::requests(&more, std::iter::empty::<&str>())?;
        if container.phase().is_live() {
            self.change_live_ports(container, &gone, requests).await?;
        } else {
            forget_missing(record, &gone)?;
        }
        let bindings = record.host_config.port_bindings.get_or_insert_default();
        for (port, bound) in bindings.iter_mut() {
            if let Some(bound) = bound {
                bound.retain(|b| {
                    !gone
                        .iter()
                        .any(|g| g.is(port, &b.host_ip, &b.host_port) || g.is_range(port, b))
                });
            }
        }
        bindings.retain(|_, bound| bound.as_ref().is_some_and(|bound| !bound.is_empty()));
        for (port, bound) in &change.publish_add {
            let bound = bound
                .clone()
                .filter(|b| !b.is_empty())
                .unwrap_or_else(|| vec![PortBinding::default()]);
            bindings
                .entry(port.clone())
                .or_default()
                .get_or_insert_default()
                .extend(bound);
            record.config.exposed_ports.entry(port.clone()).or_default();
        }
        Ok(())
    }

    async fn change_live_ports(
        &self,
        container: &Arc<Container>,
        gone: &[Named],
        requests: Vec<gantry_network::PortRequest>,
    ) -> Result<(), Error> {
        let endpoint = super::super::joined::publishing(&container.record().state.endpoints)
            .cloned()
            .ok_or_else(|| Error::WrongPhase("its network publishes no ports".to_owned()))?;
        let is_gone = |port: &BoundPort| gone.iter().any(|named| named.is_bound(port));
        if let Some(missing) = gone
            .iter()
            .find(|named| !endpoint.ports.iter().any(|port| named.is_bound(port)))
        {
            return Err(Error::Invalid(format!(
                "port {} is not published",
                missing.container
            )));
        }
        let leaving: Vec<BoundPort> = endpoint
            .ports
            .iter()
            .filter(|port| is_gone(port))
            .copied()
            .collect();
        let link = container.live_link()?;
        if !requests.is_empty() {
            let (networks, id) = (Arc::clone(&self.networks), endpoint.endpoint_id.clone());
            let (bound, sockets) = blocking(move || Ok(networks.publish(&id, &requests)?)).await?;
            if let Err(e) = self.hand_over(container, &link, &sockets).await {
                self.unpublish(&endpoint.endpoint_id, bound).await?;
                return Err(e);
            }
            if let Some(state) = container.record().state.endpoint(&endpoint.endpoint_id) {
                state.ports.extend(bound);
            }
        }
        if !leaving.is_empty() {
            self.unpublish(&endpoint.endpoint_id, leaving.clone())
                .await?;
            let mapped = leaving.iter().filter(|port| !port.is_open());
            let held = mapped.map(|port| HeldPort {
                protocol: port.protocol.number(),
                address: port.host_ip,
                port: port.host_port,
            });
            // An older monitor holds them until the container ends, which harms nobody else.
            let _ = link
                .call(
                    Request::Release {
                        ports: held.collect(),
                    },
                    &[],
                )
                .await;
            if let Some(state) = container.record().state.endpoint(&endpoint.endpoint_id) {
                state.ports.retain(|port| !leaving.contains(port));
            }
        }
        self.relay_again(container).await
    }

    async fn unpublish(&self, endpoint_id: &str, ports: Vec<BoundPort>) -> Result<(), Error> {
        let (networks, id) = (Arc::clone(&self.networks), endpoint_id.to_owned());
        blocking(move || Ok(networks.unpublish(&id, &ports)?)).await
    }
}

impl Named {
    /// A binding that left the host's port open is named by the container's alone.
    fn is_range(&self, container: &str, binding: &PortBinding) -> bool {
        let open =
            matches!(binding.host_port.as_str(), "" | "0") || binding.host_port.contains('-');
        open && self.is(
            container,
            self.host_ip.as_deref().unwrap_or(&binding.host_ip),
            self.host_port.as_deref().unwrap_or_default(),
        )
    }
}

fn forget_missing(record: &Record, gone: &[Named]) -> Result<(), Error> {
    let bindings = record.host_config.port_bindings.clone().unwrap_or_default();
    let is_there = |named: &Named| {
        bindings.iter().any(|(port, bound)| {
            bound
                .iter()
                .flatten()
                .any(|b| named.is(port, &b.host_ip, &b.host_port) || named.is_range(port, b))
        })
    };
    match gone.iter().find(|named| !is_there(named)) {
        Some(missing) => Err(Error::Invalid(format!(
            "port {} is not published",
            missing.container
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_go_is_named_as_it_was_published() {
        let all = Named::parse("80").unwrap();
        assert!(all.is("80/tcp", "0.0.0.0", "8080") && !all.is("80/udp", "", "8080"));
        let one = Named::parse("8080:80/tcp").unwrap();
        assert!(one.is("80/tcp", "127.0.0.1", "8080") && !one.is("80/tcp", "", "8081"));
        let address = Named::parse("127.0.0.1:8080:80").unwrap();
        assert!(address.is("80", "127.0.0.1", "8080") && !address.is("80/tcp", "0.0.0.0", "8080"));
        assert!(Named::parse("80/bad").is_err());
    }
}
