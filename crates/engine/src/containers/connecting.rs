//! Connecting a container to a network and disconnecting it, also while it runs.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use gantry_api_types::EndpointSettings;
use gantry_network::files::{with_addresses, without_addresses};
use gantry_network::{EndpointState, NetworkInfo};

use super::attachments::{self, Attachment, best_first};
use super::joined::{interfaces, open_namespace};
use super::{Container, Containers, blocking, ports};
use crate::Error;
use crate::files::Durability;

impl Containers {
    /// Connects a container to a network; if it runs, at once.
    pub async fn connect(
        &self,
        network: &str,
        container: &str,
        wishes: EndpointSettings,
    ) -> Result<(), Error> {
        let container = self.named(container)?;
        let network = self.networks.find(network).map_err(Error::Networks)?;
        let _operation = container.operation.lock().await;
        may_connect(&container, &network)?;
        attachments::check(&network, &wishes)?;
        let attachment = Attachment { network, wishes };
        if container.phase().is_live() {
            let (service, subject) = (self.clone(), Arc::clone(&container));
            let wanted = attachment.clone();
            let kept = blocking(move || service.connect_live(&subject, &wanted)).await?;
            let link = container.live_link()?;
            self.hand_over(&container, &link, &kept).await?;
            self.relay_again(&container).await?;
        }
        let Attachment { network, wishes } = attachment;
        {
            let mut record = container.record();
            let wanted = record.networking.endpoints_config.get_or_insert_default();
            wanted.insert(network.name.clone(), Some(Box::new(wishes)));
        }
        if container.phase().is_live() {
            // Now that its links are known.
            self.set_lookups(&container);
            self.open_links().await;
        }
        container.save(Durability::PowerLoss)?;
        self.announce_network(&container, &network.name, "connect");
        Ok(())
    }

    fn named(&self, text: &str) -> Result<Arc<Container>, Error> {
        if text.is_empty() {
            return Err(Error::Invalid("invalid name or ID supplied: \"\"".into()));
        }
        self.registry.find(text)
    }

    fn connect_live(
        &self,
        container: &Container,
        attachment: &Attachment,
    ) -> Result<Vec<OwnedFd>, Error> {
        let record = container.record().clone();
        let netns = open_namespace(&format!("/proc/{}/ns/net", record.state.pid))?;
        let mut request = attachment.request(&record)?;
        request.interfaces = interfaces(&record.state.endpoints);
        if attachment.publishes() && record.state.ports().is_empty() {
            let exposed = record.config.exposed_ports.keys();
            request.ports = ports::requests(&record.host_config, exposed)?;
        }
        let first_with_names = attachment.network.has_names() && !self.names.serves(&container.id);
        let connected = self.networks.connect(netns.as_fd(), request)?;
        let mut endpoints = record.state.endpoints.clone();
        endpoints.push(connected.state.clone());
        let follow_up = || -> Result<Vec<OwnedFd>, Error> {
            self.networks
                .route(netns.as_fd(), &best_first(&endpoints))?;
            if first_with_names {
                self.open_door(container, netns.as_fd())
            } else {
                self.set_lookups(container);
                Ok(Vec::new())
            }
        };
        let mut kept = follow_up().inspect_err(|_| {
            let _ = self
                .networks
                .disconnect_now(netns.as_fd(), &connected.state);
        })?;
        container.record().state.endpoints = endpoints;
        Self::write_own_lines(container, &connected.state, true)?;
        if first_with_names {
            self.write_resolv_conf(container)?;
        }
        kept.extend(connected.reserved);
        Ok(kept)
    }

    /// Disconnects a container from a network; if it runs, at once.
    pub async fn disconnect(&self, network: &str, container: &str) -> Result<(), Error> {
        let container = self.named(container)?;
        // A network that is gone may still be among a stopped container's wishes.
        let name = self
            .networks
            .find(network)
            .map_or_else(|_| network.to_owned(), |n| n.name);
        let _operation = container.operation.lock().await;
        let mode = container.record().host_config.network_mode.clone();
        if name == "host" || mode == "host" {
            return Err(Error::Invalid(
                "container cannot be disconnected from host network or connected to host network"
                    .into(),
            ));
        }
        let is_wanted = {
            let record = container.record();
            let wanted = record.networking.endpoints_config.as_ref();
            wanted.is_some_and(|wanted| wanted.contains_key(&name))
        };
        if !is_wanted {
            self.networks.find(network).map_err(Error::Networks)?;
            return Err(Error::Forbidden(format!(
                "container {} is not connected to network {name}",
                container.id
            )));
        }
        if container.phase().is_live() {
            let (service, subject) = (self.clone(), Arc::clone(&container));
            let name = name.clone();
            blocking(move || service.disconnect_live(&subject, &name)).await?;
            self.relay_again(&container).await?;
        }
        {
            let mut record = container.record();
            if let Some(wanted) = &mut record.networking.endpoints_config {
                wanted.remove(&name);
            }
        }
        if container.phase().is_live() {
            self.set_lookups(&container);
            self.open_links().await;
        }
        container.save(Durability::PowerLoss)?;
        self.announce_network(&container, &name, "disconnect");
        Ok(())
    }

    /// Tells the monitor of the relayed ports that a running container has now.
    pub(super) async fn relay_again(&self, container: &Container) -> Result<(), Error> {
        let endpoints = container.record().state.endpoints.clone();
        if endpoints.iter().all(|e| e.ports.is_empty()) {
            return Ok(());
        }
        let link = container.live_link()?;
        self.relay_ports(container, &link, &endpoints).await
    }

    fn disconnect_live(&self, container: &Container, network: &str) -> Result<(), Error> {
        let state = container.record().state.clone();
        let (going, mut staying): (Vec<EndpointState>, Vec<EndpointState>) = state
            .endpoints
            .into_iter()
            .partition(|endpoint| endpoint.network_name == network);
        let netns = open_namespace(&format!("/proc/{}/ns/net", state.pid))?;
        for endpoint in &going {
            if !endpoint.ports.is_empty() {
                self.move_ports(endpoint, &mut staying)?;
            }
            self.networks.disconnect_now(netns.as_fd(), endpoint)?;
            Self::write_own_lines(container, endpoint, false)?;
        }
        self.networks.route(netns.as_fd(), &best_first(&staying))?;
        container.record().state.endpoints = staying;
        Ok(())
    }

    /// Leads the published ports of an endpoint that goes to the best of those that stay.
    fn move_ports(
        &self,
        going: &EndpointState,
        staying: &mut [EndpointState],
    ) -> Result<(), Error> {
        let best = best_first(staying)
            .into_iter()
            .find(|e| e.has_exit && !e.host_interface.is_empty())
            .map(|e| e.endpoint_id.clone());
        let best = staying
            .iter_mut()
            .find(|e| Some(&e.endpoint_id) == best.as_ref());
        if let Some(endpoint) = best {
            *endpoint = self.networks.move_ports(going, endpoint)?;
        }
        Ok(())
    }

    /// Adds the lines of an endpoint to the container's hosts file, or removes them.
    fn write_own_lines(
        container: &Container,
        endpoint: &EndpointState,
        add: bool,
    ) -> Result<(), Error> {
        let path = container.state_dir.join("hosts");
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let addresses: Vec<_> = endpoint.addresses().collect();
        let text = if add {
            with_addresses(
                &text,
                &addresses,
                &crate::etc::own_names(&container.record()),
            )
        } else {
            without_addresses(&text, &addresses)
        };
        // In place: the file is mounted into the container.
        fs::write(&path, text).map_err(Error::file("write", path))
    }

    fn write_resolv_conf(&self, container: &Container) -> Result<(), Error> {
        let record = container.record().clone();
        let text = crate::etc::render(&self.networks, &record, &record.state.endpoints, &[])?;
        let path = container.state_dir.join("resolv.conf");
        fs::write(&path, text.resolv_conf).map_err(Error::file("write", path))
    }

    /// Tells the name server a container's new name.
    pub(super) fn rename_endpoints(&self, container: &Container) {
        let record = container.record().clone();
        let Ok(attachments) = attachments::of(&record, &self.networks) else {
            return;
        };
        let renamed = record.state.endpoints.iter().map(|endpoint| {
            let own = attachments
                .iter()
                .find(|a| a.network.id == endpoint.network_id);
            match own {
                Some(own) if own.network.has_names() => {
                    self.networks.rename(endpoint, own.names(&record))
                }
                _ => endpoint.clone(),
            }
        });
        let renamed: Vec<EndpointState> = renamed.collect();
        container.record().state.endpoints = renamed;
    }
}

fn may_connect(container: &Container, network: &NetworkInfo) -> Result<(), Error> {
    let record = container.record();
    let mode = record.host_config.network_mode.as_str();
    let refuse = |why: &str| Err(Error::Invalid(why.to_owned()));
    if mode.starts_with("container:") {
        return refuse(
            "container sharing network namespace with another container or host cannot be connected to any other network",
        );
    }
    if network.name == "host" && mode != "host" {
        return refuse(
            "cannot connect container to host network - container must be created in host network mode",
        );
    }
    if mode == "host" {
        return refuse(
            "container cannot be disconnected from host network or connected to host network",
        );
    }
    let wanted = record.networking.endpoints_config.as_ref();
    let on_none = mode == "none" && wanted.is_some_and(|w| w.contains_key("none"));
    if on_none || network.name == "none" {
        return refuse(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode",
        );
    }
    if network.config_only {
        return Err(Error::Forbidden(format!(
            "cannot connect to network {}: it is a configuration network",
            network.name
        )));
    }
    let is_on = wanted.is_some_and(|w| w.contains_key(&network.name));
    if is_on && record.state.phase.is_live() {
        return Err(Error::Forbidden(format!(
            "endpoint with name {} already exists in network {}",
            record.name, network.name
        )));
    }
    Ok(())
}
