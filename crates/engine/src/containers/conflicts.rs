//! Settings that contradict one another, in Docker's words.

use gantry_api_types::{ContainerCreateRequest, HostConfig};
use gantry_snapshot::Snapshotter;

use crate::Error;

/// Refuses contradictions between modes of namespaces and other settings.
pub(super) fn check(request: &ContainerCreateRequest) -> Result<(), Error> {
    let (config, host) = (&request.config, &request.host_config);
    let conflicting = |what: &str| Err(Error::Invalid(format!("conflicting options: {what}")));
    let own_name = !config.hostname.is_empty();
    if own_name && host.uts_mode == "host" {
        return conflicting("hostname and the UTS mode");
    }
    let linked = some(host.links.as_ref());
    if host.network_mode == "host" && linked {
        return conflicting(
            "host type networking can't be used with links. This would result in undefined behavior",
        );
    }
    if !host.network_mode.starts_with("container:") {
        return Ok(());
    }
    if own_name {
        return conflicting("hostname and the network mode");
    }
    if linked {
        return conflicting(
            "container type network can't be used with links. This would result in undefined behavior",
        );
    }
    if some(host.dns.as_ref()) {
        return conflicting("dns and the network mode");
    }
    if some(host.extra_hosts.as_ref()) {
        return conflicting("custom host-to-IP mapping and the network mode");
    }
    if host.port_bindings.as_ref().is_some_and(|p| !p.is_empty()) || host.publish_all_ports {
        return conflicting("port publishing and the container type network mode");
    }
    if !config.exposed_ports.is_empty() {
        return conflicting("port exposing and the container type network mode");
    }
    Ok(())
}

fn some(list: Option<&Vec<String>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

/// Kernel parameters that would be the host's.
pub(super) fn sysctls(host: &HostConfig) -> Result<(), Error> {
    for key in host.sysctls.keys() {
        let key = key.replace('/', ".");
        let refused = |whose: &str| {
            Err(Error::Invalid(format!(
                "sysctl '{key}' not allowed in host {whose} namespace"
            )))
        };
        if host.network_mode == "host" && key.starts_with("net.") {
            return refused("network");
        }
        let ipc = key.starts_with("kernel.msg")
            || key.starts_with("kernel.shm")
            || key.starts_with("fs.mqueue.")
            || key == "kernel.sem";
        if host.ipc_mode == "host" && ipc {
            return refused("ipc");
        }
        if host.uts_mode == "host" && key == "kernel.domainname" {
            return refused("UTS");
        }
    }
    Ok(())
}

/// `--storage-opt`: the size of the writable layer in bytes, if one is asked for.
pub(super) fn storage_size(host: &HostConfig) -> Result<Option<u64>, Error> {
    let mut size = None;
    for (key, value) in &host.storage_opt {
        if key != "size" {
            return Err(Error::Invalid(format!("unknown option {key}")));
        }
        let bytes = gantry_units::parse_ram(value).ok();
        let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
        let bytes = bytes.filter(|bytes| *bytes > 0);
        size = Some(bytes.ok_or_else(|| Error::Invalid(format!("invalid size: '{value}'")))?);
    }
    Ok(size)
}

/// A size needs quotas of the file system below.
pub(super) fn storage(host: &HostConfig, snapshots: &dyn Snapshotter) -> Result<(), Error> {
    if storage_size(host)?.is_none() {
        return Ok(());
    }
    snapshots.check_quota().map_err(|error| {
        Error::Invalid(format!(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option, or \
             ext4 with prjquota: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(change: impl Fn(&mut ContainerCreateRequest)) -> String {
        let mut request = ContainerCreateRequest::default();
        change(&mut request);
        check(&request).unwrap_err().to_string()
    }

    #[test]
    fn a_joined_network_has_its_own_names() {
        let joined = |change: fn(&mut ContainerCreateRequest)| {
            why(|request| {
                "container:x".clone_into(&mut request.host_config.network_mode);
                change(request);
            })
        };
        assert_eq!(
            joined(|r| r.config.hostname = "me".into()),
            "conflicting options: hostname and the network mode"
        );
        assert_eq!(
            joined(|r| r.host_config.dns = Some(vec!["1.1.1.1".into()])),
            "conflicting options: dns and the network mode"
        );
        let uts = why(|r| {
            r.config.hostname = "me".into();
            r.host_config.uts_mode = "host".into();
        });
        assert_eq!(uts, "conflicting options: hostname and the UTS mode");
    }

    #[test]
    fn the_hosts_parameters_stay() {
        let mut host = HostConfig {
            network_mode: "host".into(),
            ..HostConfig::default()
        };
        host.sysctls
            .insert("net.ipv4.ip_forward".into(), "1".into());
        assert_eq!(
            sysctls(&host).unwrap_err().to_string(),
            "sysctl 'net.ipv4.ip_forward' not allowed in host network namespace"
        );
        host.network_mode.clear();
        sysctls(&host).unwrap();
    }
}
