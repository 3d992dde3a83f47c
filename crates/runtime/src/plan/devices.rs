//! The device nodes of /dev.

use std::ffi::CString;

use gantry_oci::{Device, Linux, Spec};
use rustix::fs::{FileType, Gid, Mode, Uid, makedev};

use super::c_string;
use crate::{Error, Result};

/// A device node to make.
#[derive(Debug)]
pub(crate) struct DevicePlan {
    /// In the container; also where the host has it, when it must be bound.
    pub(crate) path: CString,
    pub(crate) directory: CString,
    pub(crate) name: CString,
    pub(crate) kind: FileType,
    pub(crate) number: u64,
    pub(crate) mode: Mode,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
}

/// What every container has (runtime-spec, `config-linux.md#default-devices`).
const DEFAULT: [(&str, i64, i64); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// The nodes to make; none at all when /dev is bound from outside and so not ours.
pub(super) fn plan(spec: &Spec, linux: &Linux) -> Result<Option<Vec<DevicePlan>>> {
    let bound = spec.mounts.iter().any(|mount| {
        let bind = mount.kind.as_deref() == Some("bind")
            || mount.options.iter().any(|o| o == "bind" || o == "rbind");
        bind && mount.destination.trim_end_matches('/') == "/dev"
    });
    if bound {
        return Ok(None);
    }
    let named = |path: &str| linux.devices.iter().any(|device| device.path == path);
    let defaults = DEFAULT
        .iter()
        .filter(|(path, ..)| !named(path))
        .map(|(path, major, minor)| Device {
            path: (*path).to_owned(),
            kind: "c".into(),
            major: *major,
            minor: *minor,
            ..Device::default()
        });
    defaults
        .chain(linux.devices.iter().cloned())
        .map(|device| node(&device))
        .collect::<Result<Vec<_>>>()
        .map(Some)
}

fn node(device: &Device) -> Result<DevicePlan> {
    let (directory, name) = device
        .path
        .rsplit_once('/')
        .filter(|(_, name)| device.path.starts_with('/') && !matches!(*name, "" | "." | ".."))
        .ok_or_else(|| Error::Invalid(format!("device path {:?}: not absolute", device.path)))?;
    let kind = match device.kind.as_str() {
        "c" | "u" => FileType::CharacterDevice,
        "b" => FileType::BlockDevice,
        "p" => FileType::Fifo,
        other => {
            return Err(Error::Invalid(format!(
                "device {}: unknown type {other:?}: use c, b, u or p",
                device.path
            )));
        }
    };
    Ok(DevicePlan {
        path: c_string(&device.path)?,
        directory: c_string(if directory.is_empty() { "/" } else { directory })?,
        name: c_string(name)?,
        kind,
        number: makedev(device.major as u32, device.minor as u32),
        mode: Mode::from_bits_truncate(device.file_mode.unwrap_or(0o666) & 0o7777),
        uid: Uid::from_raw(device.uid.unwrap_or(0)),
        gid: Gid::from_raw(device.gid.unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_oci::Mount;

    #[test]
    fn the_spec_may_replace_and_add_nodes() {
        let device = |path: &str| Device {
            path: path.into(),
            kind: "c".into(),
            major: 10,
            minor: 200,
            ..Device::default()
        };
        let linux = Linux {
            devices: vec![device("/dev/net/tun"), device("/dev/tty")],
            ..Linux::default()
        };
        let nodes = plan(&Spec::default(), &linux).unwrap().unwrap();
        assert_eq!(nodes.len(), 7);
        assert_eq!(nodes[5].directory.as_c_str(), c"/dev/net");
        let relative = Linux {
            devices: vec![device("dev/x")],
            ..Linux::default()
        };
        plan(&Spec::default(), &relative).unwrap_err();
    }

    #[test]
    fn a_bound_dev_is_left_alone() {
        let spec = Spec {
            mounts: vec![Mount {
                destination: "/dev/".into(),
                options: vec!["rbind".into()],
                ..Mount::default()
            }],
            ..Spec::default()
        };
        assert!(plan(&spec, &Linux::default()).unwrap().is_none());
    }
}
