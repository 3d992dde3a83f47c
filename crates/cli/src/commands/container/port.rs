//! `gantry port`

use gantry_api_types::{ContainerInspect, PortBinding, PortMap};
use gantry_client::Client;
use gantry_units::Port as ContainerPort;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry port`
    pub(crate) struct Port {}
}

impl Command for Port {
    const USAGE: &'static str = "CONTAINER [PRIVATE_PORT[/PROTO]]";
    const ABOUT: &'static str = "List port mappings or a specific mapping for the container";
    const WORDS: Arity = Arity::Between(1, 2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let path = Client::path("/containers/", &words[0], "/json");
        let container: ContainerInspect = client.get(path).send().await?.json().await?;
        let ports = container.network_settings.ports.unwrap_or_default();
        let mut lines = match words.get(1) {
            Some(wanted) => one(&ports, wanted, &words[0])?,
            None => all(&ports),
        };
        lines.sort_by_cached_key(|line| natural(line));
        for line in lines {
            output::line(line);
        }
        Ok(())
    }
}

fn one(ports: &PortMap, wanted: &str, container: &str) -> Result<Vec<String>, Failure> {
    let port: ContainerPort = wanted.parse().map_err(|_| {
        let wanted = wanted.split('/').next().unwrap_or_default();
        Failure::new(format!(
            "Error: invalid port ({wanted}): strconv.ParseUint: parsing \"{wanted}\": invalid syntax"
        ))
    })?;
    match ports.get(&port.to_string()) {
        Some(Some(bindings)) if !bindings.is_empty() => Ok(bindings.iter().map(address).collect()),
        _ => Err(Failure::new(format!(
            "Error: No public port '{wanted}' published for {container}"
        ))),
    }
}

fn all(ports: &PortMap) -> Vec<String> {
    ports
        .iter()
        .flat_map(|(port, bindings)| {
            let bindings = bindings.iter().flatten();
            bindings.map(move |binding| format!("{port} -> {}", address(binding)))
        })
        .collect()
}

/// A part of a line: digits count as the number that they are, as in Docker's order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Other(char),
}

fn natural(line: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for c in line.chars() {
        match (c.to_digit(10), parts.last_mut()) {
            (Some(digit), Some(Part::Number(number))) => {
                *number = number.saturating_mul(10).saturating_add(digit.into());
            }
            (Some(digit), _) => parts.push(Part::Number(digit.into())),
            (None, _) => parts.push(Part::Other(c)),
        }
    }
    parts
}

fn address(binding: &PortBinding) -> String {
    if binding.host_ip.contains(':') {
        return format!("[{}]:{}", binding.host_ip, binding.host_port);
    }
    format!("{}:{}", binding.host_ip, binding.host_port)
}
