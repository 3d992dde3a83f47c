//! `--link`: the variables by which a container of the default bridge learns of another one.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use gantry_api_types::ContainerConfig;
use gantry_network::{EndpointState, LinkedPort};

use super::{Containers, Record};
use crate::Error;

/// A container that is linked to.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    /// What the other one is called here.
    pub(crate) alias: &'a str,
    /// Who asks, without a slash.
    pub(crate) parent: &'a str,
    /// Where the other one is.
    pub(crate) address: Ipv4Addr,
    /// Its configuration: exposed ports and variables.
    pub(crate) config: &'a ContainerConfig,
}

/// A port of the other container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    number: u16,
    /// `tcp` comes before the others.
    is_not_tcp: bool,
    protocol: String,
}

impl Link<'_> {
    /// The variables, in Docker's order.
    pub(crate) fn variables(&self) -> Vec<String> {
        let alias = self.alias.to_uppercase().replace('-', "_");
        let ports = ports(self.config);
        let mut env = Vec::new();
        self.ranges(&alias, &ports, &mut env);
        if let Some(first) = ports.first() {
            env.push(format!("{alias}_PORT={}", self.url(first)));
        }
        for port in &ports {
            let name = format!(
                "{alias}_PORT_{}_{}",
                port.number,
                port.protocol.to_uppercase()
            );
            env.push(format!("{name}={}", self.url(port)));
            env.push(format!("{name}_ADDR={}", self.address));
            env.push(format!("{name}_PORT={}", port.number));
            env.push(format!("{name}_PROTO={}", port.protocol));
        }
        env.push(format!("{alias}_NAME=/{}/{}", self.parent, self.alias));
        for (name, value) in self
            .config
            .env
            .iter()
            .flatten()
            .filter_map(|e| e.split_once('='))
        {
            // They say nothing about the other one.
            if !matches!(name, "HOME" | "PATH") {
                env.push(format!("{alias}_ENV_{name}={value}"));
            }
        }
        env
    }

    fn url(&self, port: &Port) -> String {
        format!("{}://{}:{}", port.protocol, self.address, port.number)
    }

    /// Ports one after the other are told as a range too.
    fn ranges(&self, alias: &str, ports: &[Port], env: &mut Vec<String>) {
        let mut rest = ports;
        while let Some(first) = rest.first() {
            let length = rest
                .windows(2)
                .take_while(|pair| pair[1].number <= pair[0].number.saturating_add(1))
                .count();
            let last = &rest[length];
            rest = &rest[length + 1..];
            if length == 0 {
                continue;
            }
            let name = format!(
                "{alias}_PORT_{}_{}",
                first.number,
                first.protocol.to_uppercase()
            );
            env.push(format!("{name}_START={}", self.url(first)));
            env.push(format!("{name}_ADDR={}", self.address));
            env.push(format!("{name}_PROTO={}", first.protocol));
            env.push(format!("{name}_PORT_START={}", first.number));
            env.push(format!("{name}_END={}", self.url(last)));
            env.push(format!("{name}_PORT_END={}", last.number));
        }
    }
}

fn ports(config: &ContainerConfig) -> Vec<Port> {
    let parse = |text: &String| {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        Some(Port {
            number: number.parse().ok()?,
            is_not_tcp: protocol != "tcp",
            protocol: protocol.to_owned(),
        })
    };
    let mut ports: Vec<Port> = config.exposed_ports.keys().filter_map(parse).collect();
    ports.sort();
    ports
}

impl Containers {
    /// Looks up the containers that are to be linked to, and writes the links as Docker keeps
    /// them: `/name:/parent/alias`.
    pub(super) fn checked_links(
        &self,
        links: &[String],
        parent: &str,
    ) -> Result<Vec<String>, Error> {
        let checked = |text: &String| {
            let (name, alias) = parse(text);
            let other = self
                .registry
                .find(name)
                .map_err(|e| Error::Invalid(format!("could not get container for {name}: {e}")))?;
            Ok(format!("/{}:/{parent}/{alias}", other.name()))
        };
        links.iter().map(checked).collect()
    }

    /// The variables and the lines for `/etc/hosts` (`name:address`) of a container's links.
    pub(super) fn linked(&self, record: &Record) -> Result<(Vec<String>, Vec<String>), Error> {
        let (mut variables, mut hosts) = (Vec::new(), Vec::new());
        if record.host_config.network_mode != "bridge" {
            return Ok((variables, hosts));
        }
        for text in record.host_config.links.iter().flatten() {
            let (name, alias) = parse(text);
            let other = self.registry.find(name)?;
            let (live, other) = (other.phase().is_live(), other.record().clone());
            if !live {
                return Err(Error::WrongPhase(format!(
                    "Cannot link to a non running container: /{name} AS /{}/{alias}",
                    record.name
                )));
            }
            let on_bridge = other.state.endpoints.iter();
            let address = on_bridge
                .filter(|e| e.network_name == "bridge")
                .find_map(EndpointState::ipv4);
            let Some(IpAddr::V4(address)) = address else {
                return Err(Error::Invalid(format!(
                    "container {} not attached to default bridge network",
                    other.id
                )));
            };
            let link = Link {
                alias,
                parent: &record.name,
                address,
                config: &other.config,
            };
            variables.extend(link.variables());
            for known in [alias, &other.config.hostname, &other.name] {
                hosts.push(format!("{known}:{address}"));
            }
        }
        hosts.dedup();
        Ok((variables, hosts))
    }
}

impl Containers {
    /// Where the default bridge keeps its containers apart, opens the exposed ports of those that
    /// are linked to, to those that are linked; what is over is closed.
    pub(crate) async fn open_links(&self) {
        if !self.networks.keeps_apart() {
            return;
        }
        let service = self.clone();
        let opened = super::blocking(move || {
            let wanted = service.linked_ports();
            Ok(service.networks.open_links(wanted)?)
        });
        if let Err(e) = opened.await {
            tracing::error!("linked containers cannot reach each other: {e}");
        }
    }

    fn linked_ports(&self) -> HashSet<LinkedPort> {
        let mut wanted = HashSet::new();
        for container in self.registry.all() {
            // Few have any, and a record is large.
            if container
                .record()
                .host_config
                .links
                .iter()
                .flatten()
                .next()
                .is_none()
            {
                continue;
            }
            let record = container.record().clone();
            let Some(from) = on_default_bridge(&record) else {
                continue;
            };
            for text in record.host_config.links.iter().flatten() {
                let Ok(other) = self.registry.find(parse(text).0) else {
                    continue;
                };
                let other = other.record().clone();
                let Some(to) = on_default_bridge(&other) else {
                    continue;
                };
                let exposed = other.config.exposed_ports.keys();
                let ports = exposed.filter_map(|port| super::ports::container_port(port).ok());
                wanted.extend(ports.map(|(port, protocol)| LinkedPort {
                    from,
                    to,
                    protocol,
                    port,
                }));
            }
        }
        wanted
    }
}

/// Its address there; none while it does not run.
fn on_default_bridge(record: &Record) -> Option<Ipv4Addr> {
    let mut endpoints = record.state.endpoints.iter();
    match endpoints.find(|e| e.network_name == "bridge")?.ipv4()? {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// `container[:alias]`; without an alias the container's name is it.
pub(crate) fn parse(text: &str) -> (&str, &str) {
    let (name, alias) = text.split_once(':').unwrap_or((text, text));
    let short = |path: &'_ str| path.rsplit('/').next().unwrap_or_default().len();
    // Docker's own records have `/name:/parent/alias`.
    let alias = &alias[alias.len() - short(alias)..];
    (name.trim_start_matches('/'), alias)
}

#[cfg(test)]
mod tests {
    use gantry_api_types::json::Nothing;

    use super::*;

    #[test]
    fn the_variables_are_dockers() {
        let mut config = ContainerConfig {
            env: Some(vec!["PATH=/bin".into(), "A=b=c".into()]),
            ..ContainerConfig::default()
        };
        for port in ["6380/tcp", "53/udp", "6379/tcp"] {
            config.exposed_ports.insert(port.into(), Nothing);
        }
        let link = Link {
            alias: "my-db",
            parent: "web",
            address: Ipv4Addr::new(172, 17, 0, 5),
            config: &config,
        };
        let env = link.variables();
        assert_eq!(
            env[..6],
            [
                "MY_DB_PORT_6379_TCP_START=tcp://172.17.0.5:6379",
                "MY_DB_PORT_6379_TCP_ADDR=172.17.0.5",
                "MY_DB_PORT_6379_TCP_PROTO=tcp",
                "MY_DB_PORT_6379_TCP_PORT_START=6379",
                "MY_DB_PORT_6379_TCP_END=tcp://172.17.0.5:6380",
                "MY_DB_PORT_6379_TCP_PORT_END=6380",
            ]
        );
        assert_eq!(env[6], "MY_DB_PORT=udp://172.17.0.5:53");
        assert_eq!(env[7], "MY_DB_PORT_53_UDP=udp://172.17.0.5:53");
        assert_eq!(
            env[env.len() - 2..],
            ["MY_DB_NAME=/web/my-db", "MY_DB_ENV_A=b=c"]
        );
    }

    #[test]
    fn an_alias_is_the_last_part() {
        assert_eq!(parse("db"), ("db", "db"));
        assert_eq!(parse("db:sql"), ("db", "sql"));
        assert_eq!(parse("/db:/web/sql"), ("db", "sql"));
    }
}
