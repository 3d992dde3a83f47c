//! Values that have no meaning, refused when a container is created, in Docker's words.

use gantry_api_types::{ContainerCreateRequest, HostConfig};

use crate::Error;

/// Refuses them.
pub(super) fn check(request: &ContainerCreateRequest) -> Result<(), Error> {
    let config = &request.config;
    for variable in config.env.iter().flatten() {
        if variable.is_empty() || variable.starts_with('=') {
            return refuse(format!("invalid environment variable: {variable}"));
        }
    }
    let folder = &config.working_dir;
    if !folder.is_empty() && !folder.starts_with('/') {
        return refuse(format!(
            "the working directory '{folder}' is invalid, it needs to be an absolute path"
        ));
    }
    if request.host_config.annotations.contains_key("") {
        return refuse(
            "invalid Annotations: the empty string is not permitted as an annotation key".into(),
        );
    }
    modes(&request.host_config)?;
    places(&request.host_config)
}

/// Namespaces: the container's own, the host's, or another container's.
fn modes(host: &HostConfig) -> Result<(), Error> {
    let other = |mode: &str| mode.starts_with("container:");
    let pid = host.pid_mode.as_str();
    if !matches!(pid, "" | "host") && !other(pid) {
        return refuse(format!("invalid PID mode: {pid}"));
    }
    let ipc = host.ipc_mode.as_str();
    if !matches!(ipc, "" | "none" | "private" | "shareable" | "host") && !other(ipc) {
        return refuse(format!("invalid IPC mode: {ipc}"));
    }
    let uts = host.uts_mode.as_str();
    if !matches!(uts, "" | "host") {
        return refuse(format!("invalid UTS mode: {uts}"));
    }
    let cgroup = host.cgroupns_mode.as_str();
    if !matches!(cgroup, "" | "private" | "host") {
        return refuse(format!("invalid cgroup namespace mode: {cgroup}"));
    }
    Ok(())
}

fn places(host: &HostConfig) -> Result<(), Error> {
    if let Some(path) = host.tmpfs.keys().find(|path| !path.starts_with('/')) {
        return refuse(format!(
            "invalid mount path: '{path}' mount path must be absolute"
        ));
    }
    for extra in host.extra_hosts.iter().flatten() {
        if extra
            .split_once([':', '='])
            .is_none_or(|(name, _)| name.is_empty())
        {
            return refuse(format!("bad format for add-host: {extra:?}"));
        }
    }
    let bindings = host.port_bindings.iter().flatten();
    for binding in bindings.flat_map(|(_, bindings)| bindings.iter().flatten()) {
        let port = binding.host_port.as_str();
        if !is_port_or_range(port) {
            return refuse(format!("invalid port specification: {port:?}"));
        }
    }
    Ok(())
}

/// Nothing, `80` or `8000-8010`.
fn is_port_or_range(text: &str) -> bool {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    text.is_empty() || (first.parse::<u16>().is_ok() && last.parse::<u16>().is_ok())
}

fn refuse(message: String) -> Result<(), Error> {
    Err(Error::Invalid(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbers_or_ranges() {
        for good in ["", "80", "8000-8010"] {
            assert!(is_port_or_range(good), "{good}");
        }
        for bad in ["nonsense", "70000", "80-", "-80"] {
            assert!(!is_port_or_range(bad), "{bad}");
        }
    }

    #[test]
    fn modes_are_docker_s() {
        let mut host = HostConfig::default();
        assert!(modes(&host).is_ok());
        host.pid_mode = "container:other".to_owned();
        assert!(modes(&host).is_ok());
        host.uts_mode = "nonsense".to_owned();
        assert_eq!(
            modes(&host).unwrap_err().to_string(),
            "invalid UTS mode: nonsense"
        );
    }
}
