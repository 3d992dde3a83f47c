//! What the child will do, computed before it is cloned: no decision is left that needs the spec.

mod capabilities;
mod cgroup_mount;
mod devices;
mod hooks;
mod idmap;
mod mount_options;
mod mounts;
mod namespaces;
mod proc_mounts;
mod process;
mod rlimits;
mod scheduling;
mod supported;
mod sysctl;

use std::ffi::CString;
use std::os::fd::OwnedFd;

use gantry_oci::{Linux, Spec};
use gantry_sys::memfd;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountPropagationFlags, OpenTreeFlags};

pub(crate) use capabilities::CapabilityPlan;
pub(crate) use cgroup_mount::{CgroupMount, V1Hierarchy, V1Source};
pub(crate) use devices::DevicePlan;
pub(crate) use hooks::{ChildHook, HookPlan};
pub(crate) use mounts::{MountPlan, MountSource};
pub(crate) use namespaces::{Join, Namespaces, UserMaps};
pub(crate) use process::{Command, ProcessPlan, Settings, Streams, high};
pub(crate) use sysctl::Sysctl;

use crate::error::errno_text;
use crate::{Error, Launch, Result, Root};

/// A container's launch.
#[derive(Debug)]
pub(crate) struct ContainerPlan {
    pub(crate) namespaces: Namespaces,
    /// v1 cgroups, joined by writing `0`.
    pub(crate) cgroup: Vec<OwnedFd>,
    pub(crate) hostname: Option<String>,
    pub(crate) domainname: Option<String>,
    /// A detached mount.
    pub(crate) root: OwnedFd,
    /// Where it is attached while it is filled: `/`, or where hooks look for it.
    pub(crate) root_place: CString,
    pub(crate) mounts: Vec<MountPlan>,
    /// None when /dev is a bind mount and so not ours to fill.
    pub(crate) devices: Option<Vec<DevicePlan>>,
    pub(crate) masked: Vec<CString>,
    pub(crate) readonly: Vec<CString>,
    pub(crate) sysctls: Vec<Sysctl>,
    pub(crate) readonly_root: bool,
    pub(crate) no_pivot: bool,
    pub(crate) root_propagation: Option<MountPropagationFlags>,
    /// For a new time namespace, the text of `timens_offsets`.
    pub(crate) clocks: Option<String>,
    pub(crate) personality: Option<u32>,
    pub(crate) hooks: Option<HookPlan>,
    pub(crate) process: ProcessPlan,
}

impl ContainerPlan {
    /// Computes the plan, opens what it needs and refuses what cannot be.
    pub(crate) fn new(launch: &mut Launch<'_>) -> Result<Self> {
        let spec = launch.spec;
        supported::check(spec, launch.network.is_some())?;
        let none = Linux::default();
        let linux = spec.linux.as_ref().unwrap_or(&none);
        let process = spec
            .process
            .as_ref()
            .ok_or_else(|| Error::Invalid("process is missing".into()))?;
        let namespaces = Namespaces::new(linux, launch.network)?;
        let mounts = spec
            .mounts
            .iter()
            .enumerate()
            .map(|(item, mount)| {
                let prepared = launch.mounts.iter().find(|(at, _)| *at == item);
                let prepared = prepared.map(|(_, tree)| *tree);
                MountPlan::new(mount, prepared, linux, launch.cgroup.path())
            })
            .collect::<Result<Vec<_>>>()?;
        let mut process = ProcessPlan::new(
            Settings {
                process,
                seccomp: linux.seccomp.as_ref(),
                own_user_namespace: namespaces.has_user(),
                keyring: launch.id,
                manner: launch.manner,
            },
            &mut launch.stdio,
            launch.init,
        )?;
        let hooks = HookPlan::new(spec)?;
        if let Some(hooks) = &hooks {
            process.start_hooks = hooks.at_start(spec)?;
        }
        Ok(Self {
            root_place: root_place(launch, hooks.is_some())?,
            clocks: clocks(linux),
            personality: linux
                .personality
                .as_ref()
                .map(scheduling::personality)
                .transpose()?,
            hooks,
            cgroup: launch.cgroup.join_fds()?,
            hostname: spec.hostname.clone().filter(|name| !name.is_empty()),
            domainname: spec.domainname.clone().filter(|name| !name.is_empty()),
            root: open_root(launch.root)?,
            devices: devices::plan(spec, linux)?,
            mounts,
            masked: c_strings(&linux.masked_paths)?,
            readonly: c_strings(&linux.readonly_paths)?,
            sysctls: sysctl::plan(&linux.sysctl)?,
            no_pivot: launch.manner.no_pivot,
            readonly_root: spec.root.as_ref().is_some_and(|root| root.readonly),
            root_propagation: root_propagation(linux)?,
            process,
            namespaces,
        })
    }

    /// The name of a mount for messages.
    pub(crate) fn mount_name(spec: &Spec, item: usize) -> (String, String) {
        let mount = spec.mounts.get(item);
        let source = mount.and_then(|m| m.source.clone().or_else(|| m.kind.clone()));
        let destination = mount.map(|m| m.destination.clone());
        (source.unwrap_or_default(), destination.unwrap_or_default())
    }
}

/// A detached mount of the root, which the child will attach.
fn open_root(root: Root<'_>) -> Result<OwnedFd> {
    let failed = |what: String| {
        move |errno| Error::Step {
            step: format!("open the root file system {what}"),
            why: errno_text(errno),
        }
    };
    match root {
        Root::Mount(fd) => rustix::io::fcntl_dupfd_cloexec(fd, 0).map_err(failed(String::new())),
        Root::Path(path) => {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE
                | OpenTreeFlags::OPEN_TREE_CLOEXEC
                | OpenTreeFlags::AT_RECURSIVE;
            rustix::mount::open_tree(CWD, path, flags).map_err(failed(path.display().to_string()))
        }
    }
}

/// Without hooks nobody needs to find the root before it is `/`, and an initramfs, which cannot be
/// pivoted away, is covered there. Hooks are told `bundle` and read `root.path` in it.
fn root_place(launch: &Launch<'_>, hooks: bool) -> Result<CString> {
    if !hooks {
        return Ok(c"/".to_owned());
    }
    let path = match (launch.root, &launch.spec.root) {
        (Root::Path(path), _) => path.to_owned(),
        (Root::Mount(_), Some(root)) => launch.bundle.join(&root.path),
        (Root::Mount(_), None) => launch.bundle.join("rootfs"),
    };
    std::fs::create_dir_all(&path).map_err(|e| Error::Step {
        step: format!("make {} for the root file system", path.display()),
        why: e.to_string(),
    })?;
    c_string(&path.to_string_lossy())
}

/// The lines of `/proc/PID/timens_offsets` (time_namespaces(7)) for a new time namespace.
fn clocks(linux: &Linux) -> Option<String> {
    let own = linux.namespaces.iter().any(|n| {
        n.kind == gantry_oci::NamespaceKind::Time && n.path.as_deref().is_none_or(str::is_empty)
    });
    own.then(|| {
        let line = |(clock, offset): (&String, &gantry_oci::TimeOffset)| {
            format!("{clock} {} {}\n", offset.secs, offset.nanosecs)
        };
        linux.time_offsets.iter().map(line).collect()
    })
}

/// Everything is private while the root is built, and stays so unless the spec asks for more:
/// a private mount made a slave again would still receive nothing.
fn root_propagation(linux: &Linux) -> Result<Option<MountPropagationFlags>> {
    let rec = MountPropagationFlags::REC;
    match linux.rootfs_propagation.as_deref() {
        None | Some("" | "private" | "rprivate" | "slave" | "rslave") => Ok(None),
        Some("shared" | "rshared") => Ok(Some(MountPropagationFlags::SHARED | rec)),
        Some("unbindable" | "runbindable") => Ok(Some(MountPropagationFlags::UNBINDABLE | rec)),
        Some(other) => Err(Error::Invalid(format!(
            "rootfsPropagation {other:?}: use private, slave, shared or unbindable"
        ))),
    }
}

/// A string of the spec for a system call.
pub(crate) fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::Invalid(format!("{text:?} contains a NUL byte")))
}

pub(crate) fn c_strings(texts: &[String]) -> Result<Vec<CString>> {
    texts.iter().map(|text| c_string(text)).collect()
}

/// The host's /proc, by which the child writes sysctls and labels: never through a path inside
/// the container (CVE-2019-16884, CVE-2025-52881).
pub(crate) fn open_procfs() -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, c"/proc", flags, Mode::empty()).map_err(|errno| Error::Step {
        step: "open /proc".into(),
        why: errno_text(errno),
    })
}

/// Whether a program may be shown to a container as `/proc/1/exe`.
pub(crate) fn is_protected(program: &OwnedFd) -> bool {
    let read_only = || {
        rustix::fs::fstatvfs(program)
            .is_ok_and(|fs| fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
    };
    memfd::is_sealed(program) || read_only()
}
