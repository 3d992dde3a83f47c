//! Namespaces and the kernel parameters in them.

use std::collections::BTreeMap;

use gantry_api_types::HostConfig;
use gantry_oci::{Namespace, NamespaceKind};

use super::{SpecError, SpecInput};

/// The namespaces to make or join; what is not in the list is the host's.
///
/// A network namespace to be joined is handed to the runtime as a descriptor and has no path here.
pub(super) fn list(input: &SpecInput<'_>) -> Result<Vec<Namespace>, SpecError> {
    use NamespaceKind as K;
    let host = input.host;
    let mut namespaces = vec![own(K::Mount)];
    if host.network_mode != "host" || input.config.network_disabled {
        namespaces.push(own(K::Network));
    }
    match host.uts_mode.as_str() {
        "host" => {}
        "" => namespaces.push(own(K::Uts)),
        other => return Err(invalid("UTS", other)),
    }
    namespaces.extend(pid(host, input.joined.pid)?);
    namespaces.extend(ipc(host, input.joined.ipc)?);
    match host.cgroupns_mode.as_str() {
        "" | "host" => {}
        "private" => namespaces.push(own(K::Cgroup)),
        other => return Err(invalid("cgroup namespace", other)),
    }
    Ok(namespaces)
}

fn own(kind: NamespaceKind) -> Namespace {
    Namespace { kind, path: None }
}

fn joined(
    kind: NamespaceKind,
    file: &'static str,
    pid: Option<u32>,
) -> Result<Namespace, SpecError> {
    let pid = pid.ok_or(SpecError::NotJoinable(file))?;
    Ok(Namespace {
        kind,
        path: Some(format!("/proc/{pid}/ns/{file}")),
    })
}

fn pid(host: &HostConfig, process: Option<u32>) -> Result<Option<Namespace>, SpecError> {
    match host.pid_mode.as_str() {
        "host" => Ok(None),
        "" | "private" => Ok(Some(own(NamespaceKind::Pid))),
        mode if mode.starts_with("container:") => {
            joined(NamespaceKind::Pid, "pid", process).map(Some)
        }
        other => Err(invalid("PID", other)),
    }
}

fn ipc(host: &HostConfig, process: Option<u32>) -> Result<Option<Namespace>, SpecError> {
    match host.ipc_mode.as_str() {
        "host" => Ok(None),
        "" | "private" | "shareable" | "none" => Ok(Some(own(NamespaceKind::Ipc))),
        mode if mode.starts_with("container:") => {
            joined(NamespaceKind::Ipc, "ipc", process).map(Some)
        }
        other => Err(invalid("IPC", other)),
    }
}

fn invalid(what: &'static str, value: &str) -> SpecError {
    SpecError::Mode {
        what,
        value: value.to_owned(),
    }
}

/// Kernel parameters: the request's, over Docker's two for networks of a container's own, which
/// let every user listen on low ports and send ICMP echo requests.
pub(super) fn sysctls(host: &HostConfig) -> BTreeMap<String, String> {
    let mut sysctls = BTreeMap::new();
    if host.network_mode != "host" && !host.network_mode.starts_with("container:") {
        let mut set = |key: &str, value: &str| sysctls.insert(key.to_owned(), value.to_owned());
        set("net.ipv4.ip_unprivileged_port_start", "0");
        set("net.ipv4.ping_group_range", "0 2147483647");
    }
    sysctls.extend(host.sysctls.clone());
    sysctls
}
