//! What the spec may not ask for: contradictions, and what this runtime cannot do yet.

use gantry_oci::{Linux, NamespaceKind, Spec};

use crate::{Error, Result};

/// Refuses what would otherwise be ignored.
pub(super) fn check(spec: &Spec, network: bool) -> Result<()> {
    let none = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&none);
    let has = |kind| linux.namespaces.iter().any(|n| n.kind == kind);
    if !has(NamespaceKind::Mount) {
        return Err(unsupported("a container without a mount namespace"));
    }
    if linux.intel_rdt.is_some() {
        return Err(unsupported("intelRdt"));
    }
    let clocks = || linux.time_offsets.keys();
    if let Some(clock) = clocks().find(|c| !matches!(c.as_str(), "monotonic" | "boottime")) {
        return Err(invalid(&format!(
            "timeOffsets: there is no clock {clock:?}"
        )));
    }
    if clocks().next().is_some() && !has(NamespaceKind::Time) {
        return Err(invalid("timeOffsets need a time namespace"));
    }
    if linux.mount_label.as_deref().is_some_and(|l| !l.is_empty()) {
        return Err(unsupported("an SELinux label for mounts"));
    }
    let joins_mounts = linux
        .namespaces
        .iter()
        .any(|n| n.kind == NamespaceKind::Mount && n.path.as_ref().is_some_and(|p| !p.is_empty()));
    if joins_mounts {
        return Err(unsupported("joining a mount namespace by its path"));
    }
    names(spec, has(NamespaceKind::Uts))?;
    sysctls(linux, network)
}

/// Without a namespace of its own the container would rename the host.
fn names(spec: &Spec, uts: bool) -> Result<()> {
    let set = |name: &Option<String>| name.as_ref().is_some_and(|n| !n.is_empty());
    if !uts && set(&spec.hostname) {
        return Err(invalid(
            "unable to set hostname without a private UTS namespace",
        ));
    }
    if !uts && set(&spec.domainname) {
        return Err(invalid(
            "unable to set domainname without a private UTS namespace",
        ));
    }
    Ok(())
}

/// Only what belongs to a namespace of the container may be changed.
fn sysctls(linux: &Linux, network: bool) -> Result<()> {
    let has = |kind| linux.namespaces.iter().any(|n| n.kind == kind);
    for key in linux.sysctl.keys() {
        let key = key.replace('/', ".");
        let own = match key.as_str() {
            "kernel.domainname" | "kernel.hostname" => has(NamespaceKind::Uts),
            "kernel.msgmax"
            | "kernel.msgmnb"
            | "kernel.msgmni"
            | "kernel.sem"
            | "kernel.shmall"
            | "kernel.shmmax"
            | "kernel.shmmni"
            | "kernel.shm_rmid_forced" => has(NamespaceKind::Ipc),
            key if key.starts_with("fs.mqueue.") => has(NamespaceKind::Ipc),
            key if key.starts_with("net.") => network || has(NamespaceKind::Network),
            key if key.starts_with("user.") => has(NamespaceKind::User),
            _ => false,
        };
        if !own {
            return Err(invalid(&format!(
                "sysctl {key:?} is not in a separate kernel namespace"
            )));
        }
    }
    Ok(())
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported { what: what.into() }
}

fn invalid(what: &str) -> Error {
    Error::Invalid(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_oci::Namespace;

    fn spec(kinds: &[NamespaceKind], sysctl: &str) -> Spec {
        let linux = Linux {
            namespaces: kinds
                .iter()
                .map(|kind| Namespace {
                    kind: *kind,
                    path: None,
                })
                .collect(),
            sysctl: [(sysctl.to_owned(), "1".to_owned())].into(),
            ..Linux::default()
        };
        Spec {
            linux: Some(linux),
            ..Spec::default()
        }
    }

    #[test]
    fn a_sysctl_of_the_host_is_refused() {
        use NamespaceKind::{Ipc, Mount, Network};
        check(&spec(&[Mount, Network], "net.ipv4.ip_forward"), false).unwrap();
        check(&spec(&[Mount], "net.ipv4.ip_forward"), true).unwrap();
        check(&spec(&[Mount, Ipc], "kernel/shmmax"), false).unwrap();
        check(&spec(&[Mount], "net.ipv4.ip_forward"), false).unwrap_err();
        check(&spec(&[Mount, Network, Ipc], "kernel.panic"), true).unwrap_err();
    }
}
