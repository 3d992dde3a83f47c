//! What is mounted in a container, in order.

use std::path::Path;

use gantry_api_types::{BindOptions, HostConfig, MountPoint};
use gantry_oci::{IdMapping, Mount};
use gantry_seccomp::KernelVersion;

use super::{SpecError, SpecInput, tmpfs};

/// mount_setattr(2), which makes everything below a mount read-only too, is of Linux 5.12.
const RECURSIVE_READ_ONLY: KernelVersion = KernelVersion {
    major: 5,
    minor: 12,
};

/// The mounts: Docker's usual ones, unless the request puts something else there, then the
/// network's files, then the request's, parents before children.
pub(super) fn list(input: &SpecInput<'_>) -> Result<Vec<Mount>, SpecError> {
    let host = input.host;
    let mut asked = Vec::new();
    for point in input.mounts.iter().filter(|m| m.kind != "tmpfs") {
        asked.push(bind(point, input)?);
    }
    asked.extend(tmpfs::list(host)?);
    let own_memory = asked.iter().any(|m| m.destination == "/dev/shm");
    asked.extend(shared_memory(input).filter(|_| !own_memory));
    let taken = |path: &str| asked.iter().any(|m| m.destination == path);
    let mut mounts = usual(host);
    mounts.retain(|m| !taken(&m.destination));
    if taken("/dev") {
        mounts.retain(|m| !m.destination.starts_with("/dev/"));
    }
    if host.readonly_rootfs {
        mounts.iter_mut().for_each(make_read_only);
    }
    let files = network_files(input);
    let files = files.into_iter().filter(|m| !taken(&m.destination));
    let mut placed: Vec<_> = files.collect();
    placed.extend(asked.iter().cloned());
    placed.sort_by_key(|m| Path::new(&m.destination).components().count());
    mounts.extend(placed);
    Ok(mounts)
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.to_owned(),
        kind: Some(kind.to_owned()),
        source: Some(source.to_owned()),
        options: options.iter().map(|&option| option.to_owned()).collect(),
        ..Mount::default()
    }
}

fn usual(host: &HostConfig) -> Vec<Mount> {
    const SAFE: [&str; 3] = ["nosuid", "noexec", "nodev"];
    // A privileged container may write to the system's parameters and make groups.
    let access = if host.privileged { "rw" } else { "ro" };
    let with = |first: &'static str| [first, SAFE[0], SAFE[1], SAFE[2]];
    let dev = ["nosuid", "strictatime", "mode=755", "size=65536k"];
    let pts = [
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
        "gid=5",
    ];
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &SAFE),
        mount("/dev", "tmpfs", "tmpfs", &dev),
        mount("/dev/pts", "devpts", "devpts", &pts),
        mount("/sys", "sysfs", "sysfs", &with(access)),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &with(access)),
        mount("/dev/mqueue", "mqueue", "mqueue", &SAFE),
    ];
    let joined = host.ipc_mode.starts_with("container:");
    if !joined && !matches!(host.ipc_mode.as_str(), "none" | "host") {
        let size = if host.shm_size > 0 {
            host.shm_size
        } else {
            64 << 20
        };
        let size = format!("size={size}");
        mounts.push(mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &[&SAFE[..], &["mode=1777", &size]].concat(),
        ));
    }
    mounts
}

/// With the IPC namespace of the host or of another container comes its `/dev/shm`.
fn shared_memory(input: &SpecInput<'_>) -> Option<Mount> {
    let source = match (input.host.ipc_mode.as_str(), input.joined.ipc) {
        ("host", _) => "/dev/shm".to_owned(),
        (mode, Some(pid)) if mode.starts_with("container:") => format!("/proc/{pid}/root/dev/shm"),
        _ => return None,
    };
    Some(mount("/dev/shm", "bind", &source, &["rbind", "rprivate"]))
}

/// Where programs always write, also with a read-only root.
const WRITABLE: [&str; 5] = ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"];

fn make_read_only(mount: &mut Mount) {
    let is_read_only = mount.options.iter().any(|option| option == "ro");
    if !WRITABLE.contains(&mount.destination.as_str()) && !is_read_only {
        mount.options.retain(|option| option != "rw");
        mount.options.push("ro".to_owned());
    }
}

fn network_files(input: &SpecInput<'_>) -> Vec<Mount> {
    let files = [
        ("/etc/resolv.conf", input.files.resolv_conf),
        ("/etc/hostname", input.files.hostname),
        ("/etc/hosts", input.files.hosts),
    ];
    let access = if input.host.readonly_rootfs {
        "ro"
    } else {
        "rw"
    };
    files
        .map(|(destination, source)| {
            let source = source.to_string_lossy();
            mount(destination, "bind", &source, &["rbind", "rprivate", access])
        })
        .to_vec()
}

/// A bind or volume of the request.
fn bind(point: &MountPoint, input: &SpecInput<'_>) -> Result<Mount, SpecError> {
    let details = input.details.get(&point.destination);
    let details = details.cloned().unwrap_or_default();
    let extra = details.bind;
    let recursion = if extra.non_recursive { "bind" } else { "rbind" };
    let propagation = match point.propagation.as_str() {
        "" => "rprivate",
        given => given,
    };
    let mut options = vec![recursion, propagation];
    if !point.rw {
        options.push("ro");
        // Read-only is meant for what is mounted below as well, where the kernel can.
        let recursive = !extra.non_recursive && !extra.read_only_non_recursive;
        if recursive && input.kernel >= RECURSIVE_READ_ONLY {
            options.push("rro");
        } else if extra.read_only_force_recursive {
            return Err(SpecError::RecursiveReadOnly(point.destination.clone()));
        }
    }
    if !details.users.is_empty() {
        options.push(if extra.non_recursive {
            "idmap"
        } else {
            "ridmap"
        });
    }
    Ok(Mount {
        uid_mappings: details.users,
        gid_mappings: details.groups,
        ..mount(&point.destination, "bind", &point.source, &options)
    })
}

/// What is known of a mount beyond what `inspect` shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct MountDetails {
    /// Options of a bind mount.
    pub bind: BindOptions,
    /// Whom files seem to belong to; none is whom they do.
    pub users: Vec<IdMapping>,
    /// The same of groups.
    pub groups: Vec<IdMapping>,
}

/// How the container's root spreads mounts: as far as one of its binds wants it.
pub(super) fn root_propagation(mounts: &[MountPoint]) -> Option<String> {
    let any = |kinds: [&str; 2]| {
        mounts
            .iter()
            .any(|m| kinds.contains(&m.propagation.as_str()))
    };
    if any(["shared", "rshared"]) {
        return Some("shared".to_owned());
    }
    any(["slave", "rslave"]).then(|| "rslave".to_owned())
}
