//! What a request may ask for: anything that would otherwise be ignored is refused by name.

use gantry_api_types::{ContainerCreateRequest, HostConfig};

use super::{conflicts, malformed};
use crate::Error;

/// Refuses what is wrong or not built; returns warnings as Docker words them.
pub(crate) fn check(request: &mut ContainerCreateRequest) -> Result<Vec<String>, Error> {
    host(&request.host_config)?;
    restart_policy(&request.host_config)?;
    malformed::check(request)?;
    conflicts::check(request)?;
    conflicts::sysctls(&request.host_config)?;
    let config = &request.config;
    crate::health::validate(config)?;
    if let Some(signal) = Some(&config.stop_signal).filter(|s| !s.is_empty()) {
        super::stop::signal_number(signal)?;
    }
    for port in config.exposed_ports.keys() {
        super::ports::container_port(port)?;
    }
    Ok(crate::spec::check(&mut request.host_config)?)
}

fn host(host: &HostConfig) -> Result<(), Error> {
    let refused = [
        (
            !host.cgroup.is_empty(),
            "joining another container's cgroup",
        ),
        (
            !matches!(host.userns_mode.as_str(), "" | "host"),
            "--userns other than host",
        ),
        (host.resources.cpu_count != 0, "a Windows limit"),
    ];
    if let Some((_, what)) = refused.iter().find(|(asked, _)| *asked) {
        return Err(missing(what));
    }
    if !matches!(host.isolation.as_str(), "" | "default") {
        return Err(Error::Invalid(format!(
            "Invalid isolation: {:?} - linux only supports 'default'",
            host.isolation
        )));
    }
    if !matches!(
        host.runtime.as_str(),
        "" | "gantry" | "runc" | "io.containerd.runc.v2"
    ) {
        return Err(Error::Invalid(format!(
            "unknown or invalid runtime name: {}",
            host.runtime
        )));
    }
    if host.auto_remove && !matches!(host.restart_policy.name.as_str(), "" | "no") {
        return Err(Error::Invalid(
            "can't create 'AutoRemove' container with restart policy".into(),
        ));
    }
    Ok(())
}

pub(crate) fn restart_policy(host: &HostConfig) -> Result<(), Error> {
    let policy = &host.restart_policy;
    match policy.name.as_str() {
        "" | "no" | "always" | "unless-stopped" if policy.maximum_retry_count != 0 => {
            Err(Error::Invalid(format!(
                "invalid restart policy: maximum retry count can only be used with 'on-failure'{}",
                if policy.maximum_retry_count < 0 {
                    " and cannot be negative"
                } else {
                    ""
                }
            )))
        }
        "on-failure" | "on-unhealthy" if policy.maximum_retry_count < 0 => Err(Error::Invalid(
            "invalid restart policy: maximum retry count cannot be negative".to_owned(),
        )),
        "" | "no" | "always" | "unless-stopped" | "on-failure" | "on-unhealthy" => Ok(()),
        other => Err(Error::Invalid(format!(
            "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', \
             'on-failure', 'on-unhealthy', or 'unless-stopped'"
        ))),
    }
}

fn missing(what: &str) -> Error {
    Error::NotSupported(what.to_owned())
}
