//! The mounts of the spec: sources opened, options read.

use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};

use gantry_oci::{Linux, Mount, Namespace, NamespaceKind};
use gantry_sys::mount_attr::MountAttr;
use gantry_sys::namespaces;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::mount::{MountPropagationFlags, OpenTreeFlags};

use super::mount_options::MountOptions;
use super::{CgroupMount, c_string, idmap, proc_mounts};
use crate::error::errno_text;
use crate::{Error, Result};

/// One mount.
#[derive(Debug)]
pub(crate) struct MountPlan {
    /// In the container.
    pub(crate) target: CString,
    pub(crate) source: MountSource,
    pub(crate) own: MountAttr,
    pub(crate) recursive: MountAttr,
    /// None when it is private anyway.
    pub(crate) propagation: Option<MountPropagationFlags>,
}

/// What is mounted.
#[derive(Debug)]
pub(crate) enum MountSource {
    /// A detached copy of a host's mount, made in the host's mount namespace: the child need not
    /// be able to reach the path any more.
    Bind { tree: OwnedFd, directory: bool },
    /// A file system that the child makes, since it shows the child's namespaces.
    FileSystem {
        kind: CString,
        parameters: Vec<(CString, Option<CString>)>,
    },
    /// The cgroup file systems.
    Cgroup(CgroupMount),
}

impl MountPlan {
    /// Reads a mount of the spec and opens its source.
    pub(super) fn new(
        mount: &Mount,
        prepared: Option<BorrowedFd<'_>>,
        linux: &Linux,
        cgroup: &str,
    ) -> Result<Self> {
        check(mount)?;
        let options = MountOptions::parse(&mount.options)?;
        let cgroup_namespace = linux.namespaces.iter().any(is_new_cgroup);
        let kind = mount.kind.as_deref().unwrap_or_default();
        let bind = options.bind.or((kind == "bind").then_some(false));
        let source = match (bind, kind) {
            (Some(recursive), _) => {
                let source = bind_source(mount, prepared, recursive, &options)?;
                if let MountSource::Bind { tree, .. } = &source {
                    proc_mounts::check(&mount.destination, Some(tree))?;
                }
                if let MountSource::Bind { tree, .. } = &source {
                    idmap::apply(mount, options.idmap, tree, linux)?;
                }
                source
            }
            (None, "") => {
                return Err(Error::Invalid(format!(
                    "mount {}: type is missing",
                    mount.destination
                )));
            }
            (None, "cgroup" | "cgroup2") => {
                MountSource::Cgroup(CgroupMount::new(cgroup_namespace, cgroup)?)
            }
            (None, _) => {
                if kind != "proc" {
                    proc_mounts::check(&mount.destination, None)?;
                }
                file_system(mount, kind, options.data)?
            }
        };
        Ok(Self {
            target: c_string(&mount.destination)?,
            source,
            own: options.own,
            recursive: options.recursive,
            // A copy of a mount that is shared on the host would be shared with it; a new file
            // system on a private mount is private.
            propagation: options.propagation.or_else(|| {
                bind.map(|_| MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            }),
        })
    }
}

fn check(mount: &Mount) -> Result<()> {
    if !mount.destination.starts_with('/') || mount.destination.trim_matches('/').is_empty() {
        return Err(Error::Invalid(format!(
            "mount destination {:?}: must be absolute and not the root",
            mount.destination
        )));
    }
    Ok(())
}

fn is_new_cgroup(namespace: &Namespace) -> bool {
    namespace.kind == NamespaceKind::Cgroup && namespace.path.as_deref().is_none_or(str::is_empty)
}

fn bind_source(
    mount: &Mount,
    prepared: Option<BorrowedFd<'_>>,
    recursive: bool,
    options: &MountOptions,
) -> Result<MountSource> {
    let source = mount.source.as_deref().unwrap_or_default();
    if prepared.is_none() && !source.starts_with('/') {
        return Err(Error::Invalid(format!(
            "mount {}: the source {source:?} must be absolute",
            mount.destination
        )));
    }
    if let Some((option, _)) = options.data.first() {
        return Err(Error::Invalid(format!(
            "mount {}: unknown option {option:?} of a bind mount",
            mount.destination
        )));
    }
    let failed = |errno| Error::Mount {
        source_name: source.to_owned(),
        destination: mount.destination.clone(),
        why: format!("stat {source}: {}", errno_text(errno)),
    };
    let tree = match prepared {
        Some(tree) => rustix::io::fcntl_dupfd_cloexec(tree, 0),
        None => open_tree(source, recursive),
    };
    let tree = tree.map_err(failed)?;
    let stat = rustix::fs::fstat(&tree).map_err(failed)?;
    Ok(MountSource::Bind {
        directory: FileType::from_raw_mode(stat.st_mode) == FileType::Directory,
        tree,
    })
}

/// A detached copy of the mount (or tree of mounts) at a path of the host, or of another container
/// (`/proc/PID/root/...`): a mount of another namespace can only be copied from within that one.
pub(super) fn open_tree(path: &str, recursive: bool) -> Result<OwnedFd, gantry_sys::Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    match (rustix::mount::open_tree(CWD, path, flags), elsewhere(path)) {
        (Err(gantry_sys::Errno::INVAL), Some((namespace, inside))) => {
            let read = OFlags::RDONLY | OFlags::CLOEXEC;
            let namespace = rustix::fs::openat(CWD, namespace, read, Mode::empty())?;
            namespaces::in_mounts_of(namespace, || rustix::mount::open_tree(CWD, inside, flags))?
        }
        (tree, _) => tree,
    }
}

/// The mount namespace of `/proc/PID/root/...`, and the path in it.
fn elsewhere(path: &str) -> Option<(String, &str)> {
    let (pid, inside) = path.strip_prefix("/proc/")?.split_once("/root/")?;
    pid.parse::<u32>().ok()?;
    Some((
        format!("/proc/{pid}/ns/mnt"),
        &path[path.len() - inside.len() - 1..],
    ))
}

fn file_system(
    mount: &Mount,
    kind: &str,
    data: Vec<(CString, Option<CString>)>,
) -> Result<MountSource> {
    let mut parameters = Vec::with_capacity(data.len() + 1);
    if let Some(source) = mount.source.as_deref().filter(|s| !s.is_empty()) {
        parameters.push((c"source".to_owned(), Some(c_string(source)?)));
    }
    parameters.extend(data);
    Ok(MountSource::FileSystem {
        kind: c_string(kind)?,
        parameters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(destination: &str, source: &str, options: &[&str]) -> Mount {
        Mount {
            destination: destination.into(),
            source: Some(source.into()),
            kind: Some("bind".into()),
            options: options.iter().map(|&o| o.to_owned()).collect(),
            ..Mount::default()
        }
    }

    #[test]
    fn a_missing_source_is_named() {
        let error = MountPlan::new(
            &mount("/x", "/no/such", &["rbind"]),
            None,
            &Linux::default(),
            "/",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "error mounting \"/no/such\" to rootfs at \"/x\": stat /no/such: \
             no such file or directory"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            mount("relative", "/tmp", &[]),
            mount("//", "/tmp", &[]),
            mount("/x", "tmp", &[]),
            mount("/x", "/tmp", &["size=1"]),
        ] {
            MountPlan::new(&bad, None, &Linux::default(), "/").unwrap_err();
        }
    }
}
