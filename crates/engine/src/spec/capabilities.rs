//! Capabilities (capabilities(7)).

use std::sync::LazyLock;

use gantry_api_types::HostConfig;
use gantry_oci::Capabilities;
use rustix::thread::{CapabilitySet, capability_is_in_bounding_set};

use super::SpecError;

/// All names, by number.
#[rustfmt::skip]
const NAMES: [&str; 41] = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
    "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
];

/// Docker's default list.
const DEFAULT: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// Those that the kernel knows and that were not taken from us.
static AVAILABLE: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let available = |number: &usize| {
        let one = CapabilitySet::from_bits_retain(1 << number);
        capability_is_in_bounding_set(one).unwrap_or(false)
    };
    (0..NAMES.len())
        .filter(available)
        .map(|number| NAMES[number])
        .collect()
});

/// The sets of a container: none is inheritable (CVE-2022-24769) or ambient.
pub(super) fn sets(host: &HostConfig) -> Result<Capabilities, SpecError> {
    let names = list(host, &AVAILABLE)?;
    Ok(uniform(&names))
}

/// Whether the names exist.
pub(super) fn check(host: &HostConfig) -> Result<(), SpecError> {
    for (list, names) in [("CapAdd", &host.cap_add), ("CapDrop", &host.cap_drop)] {
        Wanted::parse(names.as_deref(), &AVAILABLE).map_err(|source| {
            SpecError::CapabilityList {
                list,
                source: Box::new(source),
            }
        })?;
    }
    Ok(())
}

/// The sets of a privileged exec.
pub(super) fn everything() -> Capabilities {
    uniform(&AVAILABLE)
}

fn uniform(names: &[&str]) -> Capabilities {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    Capabilities {
        bounding: names.clone(),
        effective: names.clone(),
        permitted: names,
        ..Capabilities::default()
    }
}

fn list(host: &HostConfig, available: &[&'static str]) -> Result<Vec<&'static str>, SpecError> {
    if host.privileged {
        return Ok(available.to_vec());
    }
    let add = Wanted::parse(host.cap_add.as_deref(), available)?;
    let drop = Wanted::parse(host.cap_drop.as_deref(), available)?;
    if add.all {
        return Ok(available
            .iter()
            .filter(|c| !drop.names.contains(c))
            .copied()
            .collect());
    }
    let base: &[&str] = if drop.all { &[] } else { &DEFAULT };
    let kept = base
        .iter()
        .filter(|c| available.contains(c) && !drop.names.contains(c));
    let mut names: Vec<_> = kept.copied().collect();
    for name in add.names {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// What `--cap-add` or `--cap-drop` lists.
struct Wanted {
    all: bool,
    names: Vec<&'static str>,
}

impl Wanted {
    /// Upper or lower case, with or without `CAP_`; `ALL` is every one.
    fn parse(list: Option<&[String]>, available: &[&'static str]) -> Result<Self, SpecError> {
        let mut wanted = Self {
            all: false,
            names: Vec::new(),
        };
        for given in list.unwrap_or_default() {
            let upper = given.to_uppercase();
            if upper == "ALL" {
                wanted.all = true;
                continue;
            }
            let full = if upper.starts_with("CAP_") {
                upper
            } else {
                format!("CAP_{upper}")
            };
            let Some(name) = NAMES.iter().find(|name| **name == full) else {
                return Err(SpecError::UnknownCapability(full));
            };
            if !available.contains(name) {
                return Err(SpecError::UnavailableCapability(full));
            }
            wanted.names.push(name);
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(add: &[&str], drop: &[&str]) -> HostConfig {
        let words = |list: &[&str]| Some(list.iter().map(|&c| c.to_owned()).collect());
        HostConfig {
            cap_add: words(add),
            cap_drop: words(drop),
            ..HostConfig::default()
        }
    }

    fn of(add: &[&str], drop: &[&str]) -> Vec<&'static str> {
        list(&host(add, drop), &NAMES).unwrap()
    }

    #[test]
    fn lists_add_up() {
        assert_eq!(of(&[], &[]), DEFAULT);
        let names = of(&["net_admin", "CAP_CHOWN"], &["mknod"]);
        assert_eq!(names.len(), 14);
        assert!(names.contains(&"CAP_NET_ADMIN") && !names.contains(&"CAP_MKNOD"));
        assert_eq!(of(&["NET_RAW"], &["ALL"]), ["CAP_NET_RAW"]);
        assert_eq!(of(&["all"], &["SYS_ADMIN"]).len(), 40);
        assert_eq!(of(&["ALL"], &["ALL"]).len(), 41);
        let privileged = HostConfig {
            privileged: true,
            ..host(&[], &["ALL"])
        };
        assert_eq!(list(&privileged, &NAMES).unwrap().len(), 41);
    }

    #[test]
    fn unknown_and_unavailable_ones_are_told_apart() {
        let error = |add: &str, available: &[&'static str]| {
            list(&host(&[add], &[]), available).unwrap_err().to_string()
        };
        assert_eq!(error("FLY", &NAMES), "unknown capability: \"CAP_FLY\"");
        assert!(error("bpf", &["CAP_CHOWN"]).starts_with("capability not supported by kernel"));
        assert_eq!(
            list(&host(&[], &[]), &["CAP_CHOWN"]).unwrap(),
            ["CAP_CHOWN"]
        );
    }
}
