//! Capability sets by name, cut to what we can give.

use gantry_oci::Capabilities;
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::Warning;

/// The five sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CapabilityPlan {
    pub(crate) bounding: CapabilitySet,
    /// Effective, permitted, inheritable.
    pub(crate) sets: CapabilitySets,
    pub(crate) ambient: CapabilitySet,
}

/// Names by number, as capabilities(7).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

impl CapabilityPlan {
    /// Reads the names. What `own` lacks cannot be given and is left out with a warning, as are
    /// names that do not exist (runc does so too).
    pub(crate) fn new(
        asked: &Capabilities,
        own: CapabilitySet,
        warnings: &mut Vec<Warning>,
    ) -> Self {
        let mut lacking = Vec::new();
        let mut read = |names: &[String]| {
            let mut set = CapabilitySet::empty();
            for name in names {
                match number(name).map(|n| CapabilitySet::from_bits_retain(1 << n)) {
                    Some(bit) if own.contains(bit) => set |= bit,
                    _ if lacking.contains(name) => {}
                    _ => lacking.push(name.clone()),
                }
            }
            set
        };
        let plan = Self {
            bounding: read(&asked.bounding),
            sets: CapabilitySets {
                effective: read(&asked.effective),
                permitted: read(&asked.permitted),
                inheritable: read(&asked.inheritable),
            },
            ambient: read(&asked.ambient),
        };
        if !lacking.is_empty() {
            warnings.push(Warning {
                message: format!(
                    "capabilities {} cannot be given: they are unknown, or this machine does not \
                     grant them to the runtime itself",
                    lacking.join(", ")
                ),
            });
        }
        plan
    }
}

fn number(name: &str) -> Option<usize> {
    let name = name.strip_prefix("CAP_")?;
    NAMES.iter().position(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bits_and_what_is_lacking_is_warned_of_once() {
        let names: Vec<String> = [
            "CAP_CHOWN",
            "CAP_SYS_RESOURCE",
            "CAP_CHECKPOINT_RESTORE",
            "CAP_X",
        ]
        .map(str::to_owned)
        .into();
        let asked = Capabilities {
            bounding: names.clone(),
            effective: names.clone(),
            ..Capabilities::default()
        };
        let mut warnings = Vec::new();
        let own = CapabilitySet::all().difference(CapabilitySet::SYS_RESOURCE);
        let plan = CapabilityPlan::new(&asked, own, &mut warnings);
        let expected = CapabilitySet::CHOWN | CapabilitySet::CHECKPOINT_RESTORE;
        assert_eq!(plan.bounding, expected);
        assert_eq!(plan.sets.effective, expected);
        assert!(plan.sets.permitted.is_empty() && plan.ambient.is_empty());
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].message.contains("CAP_SYS_RESOURCE, CAP_X"));
    }
}
