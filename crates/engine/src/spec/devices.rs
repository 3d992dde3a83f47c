//! Device nodes, and who may use them.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use gantry_api_types::{DeviceMapping, HostConfig};
use gantry_oci::{Device, DeviceRule};

use super::SpecError;

/// The nodes to make beyond the runtime's own, and the rules.
#[derive(Debug, Default)]
pub(super) struct DevicePlan {
    pub(super) nodes: Vec<Device>,
    pub(super) rules: Vec<DeviceRule>,
}

/// Devices that every container may use: null, zero, full, random, urandom; tty, console, ptmx;
/// pseudo-terminals.
const USUAL: [(i64, Option<i64>); 9] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(1)),
    (5, Some(2)),
    (136, None),
];

/// Whether the rules can be read; the devices themselves may come until the start.
pub(super) fn check_rules(host: &HostConfig) -> Result<(), SpecError> {
    let mut rules = host.resources.device_cgroup_rules.iter().flatten();
    rules.try_for_each(|rule| parse_rule(rule).map(drop))
}

/// Reading, writing and mknod(2).
const ALL: &str = "rwm";

/// What lies under `/dev` and is no hardware: file systems, the console, other programs' nodes.
const NOT_HARDWARE: [&str; 8] = [
    "pts",
    "shm",
    "fd",
    "mqueue",
    "console",
    ".lxc",
    ".lxd-mounts",
    ".udev",
];

pub(super) fn plan(host: &HostConfig) -> Result<DevicePlan, SpecError> {
    let mut plan = DevicePlan::default();
    if host.privileged {
        plan.rules.push(DeviceRule {
            allow: true,
            access: Some(ALL.to_owned()),
            ..DeviceRule::default()
        });
        below(Path::new("/dev"), Path::new("/dev"), &mut plan.nodes);
    } else {
        plan.rules = usual_rules();
    }
    for mapping in host.resources.devices.iter().flatten() {
        plan.add(mapping, host.privileged)?;
    }
    for rule in host.resources.device_cgroup_rules.iter().flatten() {
        plan.rules.push(parse_rule(rule)?);
    }
    Ok(plan)
}

fn usual_rules() -> Vec<DeviceRule> {
    let deny_all = DeviceRule {
        access: Some(ALL.to_owned()),
        ..DeviceRule::default()
    };
    // A node may be made of anything; using it is another matter.
    let make = |kind: &str| DeviceRule {
        allow: true,
        kind: Some(kind.to_owned()),
        access: Some("m".to_owned()),
        ..DeviceRule::default()
    };
    let use_it = |&(major, minor): &(i64, Option<i64>)| DeviceRule {
        allow: true,
        kind: Some("c".to_owned()),
        major: Some(major),
        minor,
        access: Some(ALL.to_owned()),
    };
    let mut rules = vec![deny_all, make("c"), make("b")];
    rules.extend(USUAL.iter().map(use_it));
    rules
}

impl DevicePlan {
    /// A node of the host, or all nodes in a directory of the host.
    fn add(&mut self, mapping: &DeviceMapping, privileged: bool) -> Result<(), SpecError> {
        let path = mapping.path_on_host.as_str();
        let failed = |reason: String| SpecError::Device {
            path: path.to_owned(),
            reason,
        };
        let found = fs::metadata(path).map_err(|e| {
            let missing = e.kind() == std::io::ErrorKind::NotFound;
            failed(if missing {
                "no such file or directory".to_owned()
            } else {
                e.to_string()
            })
        })?;
        let inside = match mapping.path_in_container.as_str() {
            "" => path,
            inside => inside,
        };
        let mut nodes = Vec::new();
        if found.is_dir() {
            below(Path::new(path), Path::new(inside), &mut nodes);
        } else {
            nodes.push(node(&found, inside).ok_or_else(|| failed("not a device node".into()))?);
        }
        if nodes.is_empty() {
            return Err(failed("no device nodes in it".to_owned()));
        }
        for node in nodes {
            if !privileged {
                self.rules.push(rule(&node, &mapping.cgroup_permissions));
            }
            self.nodes.retain(|known| known.path != node.path);
            self.nodes.push(node);
        }
        Ok(())
    }
}

fn rule(node: &Device, permissions: &str) -> DeviceRule {
    let access = if permissions.is_empty() {
        ALL
    } else {
        permissions
    };
    DeviceRule {
        allow: true,
        kind: Some(node.kind.clone()),
        major: Some(node.major),
        minor: Some(node.minor),
        access: Some(access.to_owned()),
    }
}

/// The device nodes in a directory, without following links.
fn below(directory: &Path, inside: &Path, nodes: &mut Vec<Device>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if NOT_HARDWARE.iter().any(|skipped| name == *skipped) {
            continue;
        }
        let (path, inside) = (entry.path(), inside.join(&name));
        // Nodes come and go while we look.
        let Ok(found) = fs::symlink_metadata(&path) else {
            continue;
        };
        if found.is_dir() {
            below(&path, &inside, nodes);
        } else {
            nodes.extend(node(&found, &inside.to_string_lossy()));
        }
    }
}

fn node(found: &Metadata, inside: &str) -> Option<Device> {
    let kind = match found.file_type() {
        kind if kind.is_char_device() => "c",
        kind if kind.is_block_device() => "b",
        _ => return None,
    };
    Some(Device {
        path: inside.to_owned(),
        kind: kind.to_owned(),
        major: i64::from(rustix::fs::major(found.rdev())),
        minor: i64::from(rustix::fs::minor(found.rdev())),
        file_mode: Some(found.mode() & 0o7777),
        uid: Some(found.uid()),
        gid: Some(found.gid()),
    })
}

fn parse_rule(text: &str) -> Result<DeviceRule, SpecError> {
    let rule: gantry_units::DeviceRule = text
        .parse()
        .map_err(|_| SpecError::DeviceRule(text.to_owned()))?;
    Ok(DeviceRule {
        allow: true,
        kind: Some(rule.kind.to_string()),
        major: rule.major.map(i64::from),
        minor: rule.minor.map(i64::from),
        access: Some(rule.permissions),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(host: &str, inside: &str, permissions: &str) -> HostConfig {
        let mapping = DeviceMapping {
            path_on_host: host.to_owned(),
            path_in_container: inside.to_owned(),
            cgroup_permissions: permissions.to_owned(),
        };
        let mut host = HostConfig::default();
        host.resources.devices = Some(vec![mapping]);
        host
    }

    #[test]
    fn a_device_of_the_host_comes_with_its_rule() {
        let plan = plan(&mapping("/dev/full", "/dev/satt", "r")).unwrap();
        let node = &plan.nodes[0];
        assert_eq!(
            (node.path.as_str(), node.major, node.minor),
            ("/dev/satt", 1, 7)
        );
        let last = plan.rules.last().unwrap();
        assert_eq!(
            (last.allow, last.minor, last.access.as_deref()),
            (true, Some(7), Some("r"))
        );
        assert!(!plan.rules[0].allow && plan.rules[0].kind.is_none());
    }

    #[test]
    fn what_is_no_device_is_refused() {
        let error = |path| plan(&mapping(path, "", "")).unwrap_err().to_string();
        assert_eq!(
            error("/dev/missing"),
            "error gathering device information while adding custom device \"/dev/missing\": no \
             such file or directory"
        );
        assert!(error("/etc/passwd").ends_with("not a device node"));
    }

    #[test]
    fn privileged_has_everything_and_rules_are_read() {
        let mut host = HostConfig {
            privileged: true,
            ..HostConfig::default()
        };
        let everything = plan(&host).unwrap();
        assert!(everything.nodes.iter().any(|node| node.path == "/dev/null"));
        assert!(everything.rules[0].allow && everything.rules.len() == 1);
        host.privileged = false;
        host.resources.device_cgroup_rules = Some(vec!["c 42:* rw".to_owned()]);
        let last = plan(&host).unwrap().rules.pop().unwrap();
        assert_eq!(
            (last.major, last.minor, last.access.as_deref()),
            (Some(42), None, Some("rw"))
        );
        host.resources.device_cgroup_rules = Some(vec!["c 42".to_owned()]);
        let error = plan(&host).unwrap_err().to_string();
        assert_eq!(error, "invalid device cgroup rule format: 'c 42'");
    }
}
