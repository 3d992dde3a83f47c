//! The body as a whole.

use std::collections::BTreeMap;

use gantry_api_types::json::{NameSet, Nothing, Words};
use gantry_api_types::{ContainerConfig, ContainerCreateRequest};
use gantry_units::parse_expose;

use super::api_socket::ClientConfig;
use super::flags::ContainerFlags;
use super::grammar::StandardStream;
use super::{api_socket, files, health, host, mounts, network};
use crate::environment::wants_content_trust;

/// What the body needs from outside the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// Proxy variables of our configuration file.
    pub(crate) proxies: Vec<(String, String)>,
    /// Rows and columns of our terminal.
    pub(crate) console_size: [u16; 2],
    /// The path of the API's socket.
    pub(crate) api_socket: Option<String>,
    /// Our logins, by registry, for a container that may use that socket.
    pub(crate) logins: serde_json::Map<String, serde_json::Value>,
}

/// A body with what else the command needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) body: ContainerCreateRequest,
    /// What is put into the container before it starts.
    pub(crate) client_config: Option<ClientConfig>,
}

/// Makes the body; `words` are the image and its command.
pub(crate) fn request(
    flags: &ContainerFlags,
    words: &[String],
    environment: &Environment,
) -> Result<Request, String> {
    let (image, command) = match words.split_first() {
        Some((image, command)) => (image.clone(), command),
        None => return Err("no image given".to_owned()),
    };
    check_conflicts(flags)?;
    let published = network::published(&flags.publish)?;
    let mut config = ContainerConfig {
        hostname: flags.hostname.clone(),
        domainname: flags.domainname.clone(),
        user: flags.user.clone(),
        exposed_ports: exposed(flags, published.exposed)?,
        tty: flags.tty,
        open_stdin: flags.interactive,
        env: Some(files::environment(
            &flags.env_file,
            flags.env.iter().map(|entry| entry.0.clone()),
            environment,
        )?),
        cmd: (!command.is_empty()).then(|| Words(command.to_vec())),
        healthcheck: health::healthcheck(flags)?,
        image,
        volumes: Some(mounts::anonymous(flags)),
        working_dir: flags.workdir.clone(),
        entrypoint: entrypoint(flags),
        labels: Some(labels(flags)?),
        stop_signal: flags.stop_signal.clone(),
        stop_timeout: flags.stop_timeout,
        ..ContainerConfig::default()
    };
    attach(&mut config, flags);
    let mut host_config = host::host_config(flags, published.bindings)?;
    host_config.console_size = environment.console_size;
    let client_config = api_socket::bring(flags, environment, &mut config, &mut host_config)?;
    let networking_config = network::networking(flags, &mut config, &mut host_config)?;
    Ok(Request {
        body: ContainerCreateRequest {
            config,
            host_config,
            networking_config,
            secrets: flags.secret.iter().map(|s| s.0.clone()).collect(),
        },
        client_config,
    })
}

fn check_conflicts(flags: &ContainerFlags) -> Result<(), String> {
    if wants_content_trust(flags.disable_content_trust) {
        return Err("content trust is not supported".to_owned());
    }
    if flags.rm && flags.restart != "no" && !flags.restart.is_empty() {
        return Err("conflicting options: cannot specify both --restart and --rm".to_owned());
    }
    if flags.memory_swappiness != -1 && !(0..=100).contains(&flags.memory_swappiness) {
        let value = flags.memory_swappiness;
        return Err(format!(
            "invalid value: {value}. Valid memory swappiness range is 0-100"
        ));
    }
    Ok(())
}

/// Without `-a`: output and errors, and input if it is open.
fn attach(config: &mut ContainerConfig, flags: &ContainerFlags) {
    let wants = |stream| flags.attach.contains(&stream);
    let chosen = !flags.attach.is_empty();
    config.attach_stdin = wants(StandardStream::Input);
    config.attach_stdout = if chosen {
        wants(StandardStream::Output)
    } else {
        true
    };
    config.attach_stderr = if chosen {
        wants(StandardStream::Error)
    } else {
        true
    };
    if flags.interactive && !chosen {
        config.attach_stdin = true;
    }
    config.stdin_once = config.open_stdin && config.attach_stdin;
}

/// `--entrypoint ""` takes the image's away.
fn entrypoint(flags: &ContainerFlags) -> Option<Words> {
    flags
        .entrypoint
        .as_ref()
        .map(|program| Words(vec![program.clone()]))
}

fn exposed(flags: &ContainerFlags, published: NameSet) -> Result<NameSet, String> {
    let mut ports = published;
    for text in flags.expose.iter() {
        if text.contains(':') {
            return Err(format!("invalid port format for --expose: {text}"));
        }
        for port in parse_expose(text).map_err(|error| error.to_string())? {
            ports.insert(port.to_string(), Nothing);
        }
    }
    Ok(ports)
}

fn labels(flags: &ContainerFlags) -> Result<BTreeMap<String, String>, String> {
    let mut lines = Vec::new();
    for file in flags.label_file.iter() {
        // A line without a value is no label, as with Docker.
        lines.extend(files::read_lines(file, |_| None)?);
    }
    lines.extend(flags.label.iter().map(|label| label.0.clone()));
    Ok(pairs(&lines))
}

/// `key=value` lines as a map; the last one wins.
pub(crate) fn pairs(lines: &[String]) -> BTreeMap<String, String> {
    lines
        .iter()
        .map(|line| {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            (key.to_owned(), value.to_owned())
        })
        .collect()
}
