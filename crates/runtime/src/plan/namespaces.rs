//! Which namespaces are made, which are joined, and by whom.

use std::fmt::Write as _;
use std::os::fd::{BorrowedFd, OwnedFd};

use gantry_oci::{IdMapping, Linux, NamespaceKind};
use gantry_sys::namespaces::bits;
use rustix::fs::{CWD, Mode, OFlags};

use crate::error::errno_text;
use crate::{Error, Result};

/// A namespace to join.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) namespace: OwnedFd,
    /// `CLONE_NEW*`.
    pub(crate) kind: u64,
    pub(crate) name: &'static str,
}

/// What is written to `/proc/PID/uid_map` and `gid_map`.
#[derive(Debug)]
pub(crate) struct UserMaps {
    pub(crate) users: String,
    pub(crate) groups: String,
}

/// Which namespaces are made, which are joined, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    /// For clone3; never `CGROUP`, whose root is the cgroup at that moment: the child makes it
    /// once it has joined its cgroup.
    pub(crate) clone: u64,
    pub(crate) cgroup: bool,
    /// `lo` of a new network namespace is set up, as runc does.
    pub(crate) loopback: bool,
    /// For a new user namespace.
    pub(crate) maps: Option<UserMaps>,
    /// Joined by a process between us and the container's, since a user namespace cannot be left.
    pub(crate) user: Option<Join>,
    /// Joined by the caller before the clone and left after it: the PID namespace, which holds
    /// for children only, and those of the host that a process in a new user namespace may not
    /// join any more.
    pub(crate) by_parent: Vec<Join>,
    /// Joined by the child.
    pub(crate) by_child: Vec<Join>,
}

impl Namespaces {
    /// Reads the spec; `network` wins over what it says.
    pub(crate) fn new(linux: &Linux, network: Option<BorrowedFd<'_>>) -> Result<Self> {
        let mut plan = Self::default();
        let mut joins = Vec::new();
        for namespace in &linux.namespaces {
            let kind = namespace.kind;
            match &namespace.path {
                _ if kind == NamespaceKind::Network && network.is_some() => {}
                Some(path) if !path.is_empty() => joins.push(open(kind, path)?),
                _ if kind == NamespaceKind::Cgroup => plan.cgroup = true,
                // The child makes it, since its clocks must be set before anybody is in it.
                _ if kind == NamespaceKind::Time => {}
                _ => plan.clone |= bit(kind),
            }
        }
        if let Some(fd) = network {
            let namespace =
                rustix::io::fcntl_dupfd_cloexec(fd, 0).map_err(|e| failed("network", e))?;
            joins.push(Join {
                namespace,
                kind: bits::NETWORK,
                name: "network",
            });
        }
        plan.loopback = plan.clone & bits::NETWORK != 0;
        if plan.clone & bits::USER != 0 {
            plan.maps = Some(UserMaps::of(&linux.uid_mappings, &linux.gid_mappings)?);
        }
        plan.share_out(joins);
        Ok(plan)
    }

    fn share_out(&mut self, joins: Vec<Join>) {
        for join in joins {
            if join.kind == bits::USER {
                self.user = Some(join);
            } else if join.kind == bits::PID || self.maps.is_some() {
                self.by_parent.push(join);
            } else {
                self.by_child.push(join);
            }
        }
        // The user namespace is joined before the child exists, and others then belong to it or
        // to the host; a process that is root in it alone may only join the former.
        if self.user.is_some() {
            self.by_parent.append(&mut self.by_child);
        }
    }

    /// Whether the container has a user namespace of its own.
    pub(crate) fn has_user(&self) -> bool {
        self.maps.is_some() || self.user.is_some()
    }
}

impl UserMaps {
    pub(super) fn of(users: &[IdMapping], groups: &[IdMapping]) -> Result<Self> {
        if users.is_empty() || groups.is_empty() {
            return Err(Error::Invalid(
                "a user namespace needs uidMappings and gidMappings".into(),
            ));
        }
        Ok(Self {
            users: lines(users),
            groups: lines(groups),
        })
    }
}

fn lines(mappings: &[IdMapping]) -> String {
    let mut text = String::new();
    for m in mappings {
        let _ = writeln!(text, "{} {} {}", m.container_id, m.host_id, m.size);
    }
    text
}

fn open(kind: NamespaceKind, path: &str) -> Result<Join> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = rustix::fs::openat(CWD, path, flags, Mode::empty())
        .map_err(|e| failed(&format!("{} ({path})", name(kind)), e))?;
    Ok(Join {
        namespace,
        kind: bit(kind),
        name: name(kind),
    })
}

fn failed(what: &str, errno: gantry_sys::Errno) -> Error {
    Error::Step {
        step: format!("open the {what} namespace"),
        why: errno_text(errno),
    }
}

fn bit(kind: NamespaceKind) -> u64 {
    match kind {
        NamespaceKind::Pid => bits::PID,
        NamespaceKind::Network => bits::NETWORK,
        NamespaceKind::Mount => bits::MOUNT,
        NamespaceKind::Ipc => bits::IPC,
        NamespaceKind::Uts => bits::UTS,
        NamespaceKind::User => bits::USER,
        NamespaceKind::Cgroup => bits::CGROUP,
        NamespaceKind::Time => bits::TIME,
    }
}

fn name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Pid => "pid",
        NamespaceKind::Network => "network",
        NamespaceKind::Mount => "mount",
        NamespaceKind::Ipc => "ipc",
        NamespaceKind::Uts => "uts",
        NamespaceKind::User => "user",
        NamespaceKind::Cgroup => "cgroup",
        NamespaceKind::Time => "time",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_oci::Namespace;

    fn linux(kinds: &[(NamespaceKind, Option<&str>)]) -> Linux {
        Linux {
            namespaces: kinds
                .iter()
                .map(|(kind, path)| Namespace {
                    kind: *kind,
                    path: path.map(str::to_owned),
                })
                .collect(),
            ..Linux::default()
        }
    }

    #[test]
    fn the_cgroup_namespace_is_not_cloned() {
        let linux = linux(&[(NamespaceKind::Cgroup, None), (NamespaceKind::Mount, None)]);
        let plan = Namespaces::new(&linux, None).unwrap();
        assert!(plan.cgroup && plan.clone == bits::MOUNT);
    }

    #[test]
    fn the_pid_namespace_is_joined_before_the_clone() {
        let linux = linux(&[
            (NamespaceKind::Pid, Some("/proc/self/ns/pid")),
            (NamespaceKind::Ipc, Some("/proc/self/ns/ipc")),
        ]);
        let plan = Namespaces::new(&linux, None).unwrap();
        assert_eq!(plan.by_parent.len(), 1);
        assert_eq!(plan.by_child[0].name, "ipc");
        assert_eq!(plan.clone, 0);
    }

    #[test]
    fn a_user_namespace_needs_maps() {
        let mut linux = linux(&[(NamespaceKind::User, None)]);
        Namespaces::new(&linux, None).unwrap_err();
        let map = IdMapping {
            container_id: 0,
            host_id: 100_000,
            size: 65_536,
        };
        linux.uid_mappings = vec![map];
        linux.gid_mappings = vec![map];
        let maps = Namespaces::new(&linux, None).unwrap().maps.unwrap();
        assert_eq!(maps.users, "0 100000 65536\n");
    }
}
