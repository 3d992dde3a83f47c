//! What a description changes in a configuration.

use std::os::unix::fs::{FileTypeExt, MetadataExt};

use gantry_oci::{Device, DeviceRule, Hooks, Spec};

use super::document::{DeviceNode, Edits, Hook, Mount};
use crate::Error;

/// Applies edits.
pub(super) fn apply(edits: &Edits, spec: &mut Spec) -> Result<(), Error> {
    if edits.intel_rdt.is_some() || edits.net_devices.is_some() {
        return Err(Error::NotSupported(
            "a CDI device with intelRdt or netDevices".to_owned(),
        ));
    }
    if let Some(process) = &mut spec.process {
        for entry in &edits.env {
            set(&mut process.env, entry);
        }
        let groups = &mut process.user.additional_gids;
        for gid in &edits.additional_gids {
            if !groups.contains(gid) {
                groups.push(*gid);
            }
        }
    }
    for node in &edits.device_nodes {
        add_node(node, spec)?;
    }
    for mount in &edits.mounts {
        add_mount(mount, spec);
    }
    for hook in &edits.hooks {
        add_hook(hook, spec)?;
    }
    Ok(())
}

fn set(env: &mut Vec<String>, entry: &str) {
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    match env.iter_mut().find(|old| name(old) == name(entry)) {
        Some(old) => entry.clone_into(old),
        None => env.push(entry.to_owned()),
    }
}

fn add_node(node: &DeviceNode, spec: &mut Spec) -> Result<(), Error> {
    let mut device = filled(node)?;
    let user = spec.process.as_ref().map(|process| &process.user);
    device.uid = node.uid.or(user.map(|u| u.uid).filter(|id| *id > 0));
    device.gid = node.gid.or(user.map(|u| u.gid).filter(|id| *id > 0));
    let linux = spec.linux.get_or_insert_default();
    if matches!(device.kind.as_str(), "b" | "c") {
        let rules = &mut linux.resources.get_or_insert_default().devices;
        rules.push(DeviceRule {
            allow: true,
            kind: Some(device.kind.clone()),
            major: Some(device.major),
            minor: Some(device.minor),
            access: Some(node.permissions.clone().unwrap_or_else(|| "rwm".to_owned())),
        });
    }
    linux.devices.retain(|old| old.path != device.path);
    linux.devices.push(device);
    Ok(())
}

/// What the description leaves out is the host's.
fn filled(node: &DeviceNode) -> Result<Device, Error> {
    let mut device = Device {
        path: node.path.clone(),
        kind: node.kind.clone().unwrap_or_default(),
        major: node.major.unwrap_or_default(),
        minor: node.minor.unwrap_or_default(),
        file_mode: node.file_mode,
        uid: None,
        gid: None,
    };
    let numbered = node.major.is_some() && node.minor.is_some();
    if !device.kind.is_empty() && (numbered || device.kind == "p") {
        return Ok(device);
    }
    let host = node.host_path.as_ref().unwrap_or(&node.path);
    let failed = |why: &str| {
        Error::Invalid(format!(
            "CDI device injection failed: failed to inject devices: failed to stat CDI host device \
             {host:?}: {why}"
        ))
    };
    let found = std::fs::symlink_metadata(host).map_err(|e| failed(&e.to_string()))?;
    let kind = match found.file_type() {
        kind if kind.is_char_device() => "c",
        kind if kind.is_block_device() => "b",
        kind if kind.is_fifo() => "p",
        _ => return Err(failed("not a device node")),
    };
    kind.clone_into(&mut device.kind);
    device.major = i64::from(rustix::fs::major(found.rdev()));
    device.minor = i64::from(rustix::fs::minor(found.rdev()));
    device.file_mode = device.file_mode.or(Some(found.mode() & 0o7777));
    Ok(device)
}

fn add_mount(mount: &Mount, spec: &mut Spec) {
    let bind = mount.options.iter().any(|o| o == "bind" || o == "rbind");
    let mut options = mount.options.clone();
    if mount.kind.is_none() && !bind {
        options.push("rbind".to_owned());
    }
    spec.mounts
        .retain(|old| old.destination != mount.container_path);
    spec.mounts.push(gantry_oci::Mount {
        destination: mount.container_path.clone(),
        kind: Some(mount.kind.clone().unwrap_or_else(|| "bind".to_owned())),
        source: Some(mount.host_path.clone()),
        options,
        ..gantry_oci::Mount::default()
    });
}

fn add_hook(hook: &Hook, spec: &mut Spec) -> Result<(), Error> {
    let hooks: &mut Hooks = spec.hooks.get_or_insert_default();
    let list = match hook.hook_name.as_str() {
        "prestart" => &mut hooks.prestart,
        "createRuntime" => &mut hooks.create_runtime,
        "createContainer" => &mut hooks.create_container,
        "startContainer" => &mut hooks.start_container,
        "poststart" => &mut hooks.poststart,
        "poststop" => &mut hooks.poststop,
        other => {
            return Err(Error::Invalid(format!(
                "CDI device injection failed: unknown hook name {other:?}"
            )));
        }
    };
    list.push(gantry_oci::Hook {
        path: hook.path.clone(),
        args: hook.args.clone(),
        env: hook.env.clone(),
        timeout: hook.timeout,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_fills_in_what_is_missing() {
        let node = DeviceNode {
            path: "/dev/mine".into(),
            host_path: Some("/dev/full".into()),
            ..DeviceNode::default()
        };
        let mut spec = Spec::default();
        add_node(&node, &mut spec).unwrap();
        let linux = spec.linux.unwrap();
        let device = &linux.devices[0];
        assert_eq!(
            (device.kind.as_str(), device.major, device.minor),
            ("c", 1, 7)
        );
        let rules = linux.resources.unwrap().devices;
        assert_eq!(rules[0].access.as_deref(), Some("rwm"));
        let missing = DeviceNode {
            path: "/dev/no-such".into(),
            ..DeviceNode::default()
        };
        assert!(add_node(&missing, &mut Spec::default()).is_err());
    }

    #[test]
    fn variables_are_replaced() {
        let mut env = vec!["A=1".to_owned(), "B=1".to_owned()];
        set(&mut env, "A=2");
        set(&mut env, "C=3");
        assert_eq!(env, ["A=2", "B=1", "C=3"]);
    }
}
