//! What the machine mounts.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use gantry_oci::Resources;

use crate::files::Dir;
use crate::mountinfo::{self, Mounts};
use crate::path::GroupPath;
use crate::{Cgroup, Error, Result, make};

/// How a machine arranges its controllers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Only v1 hierarchies.
    V1,
    /// v1 hierarchies, and a v2 tree beside them.
    Hybrid,
    /// One v2 tree.
    V2,
}

/// A controller, by either version's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the kernel's own names")]
pub enum Controller {
    Cpu,
    Cpuacct,
    Cpuset,
    Memory,
    Devices,
    Freezer,
    /// `blkio` in v1, `io` in v2.
    Blkio,
    Pids,
    Hugetlb,
    NetCls,
    NetPrio,
    PerfEvent,
    Rdma,
    Misc,
}

impl Controller {
    /// A controller by the kernel's name, in `/proc/self/mountinfo` or `cgroup.controllers`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "cpu" => Self::Cpu,
            "cpuacct" => Self::Cpuacct,
            "cpuset" => Self::Cpuset,
            "memory" => Self::Memory,
            "devices" => Self::Devices,
            "freezer" => Self::Freezer,
            "blkio" | "io" => Self::Blkio,
            "pids" => Self::Pids,
            "hugetlb" => Self::Hugetlb,
            "net_cls" => Self::NetCls,
            "net_prio" => Self::NetPrio,
            "perf_event" => Self::PerfEvent,
            "rdma" => Self::Rdma,
            "misc" => Self::Misc,
            _ => return None,
        })
    }

    /// The name in `cgroup.subtree_control`; also v1's but for `io`, which v1 calls `blkio`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Devices => "devices",
            Self::Freezer => "freezer",
            Self::Blkio => "io",
            Self::Pids => "pids",
            Self::Hugetlb => "hugetlb",
            Self::NetCls => "net_cls",
            Self::NetPrio => "net_prio",
            Self::PerfEvent => "perf_event",
            Self::Rdma => "rdma",
            Self::Misc => "misc",
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One mounted v1 hierarchy; a named one (`name=systemd`) has no controllers.
#[derive(Debug, Clone)]
pub(crate) struct V1Mount {
    pub(crate) dir: PathBuf,
    pub(crate) controllers: Vec<Controller>,
}

/// The mounted v2 tree and the controllers that its root offers.
#[derive(Debug, Clone)]
pub(crate) struct V2Mount {
    pub(crate) dir: PathBuf,
    pub(crate) controllers: Vec<Controller>,
}

/// The mounted hierarchies, found once.
#[derive(Debug, Clone)]
pub struct Hierarchy {
    pub(crate) v1: Vec<V1Mount>,
    pub(crate) v2: Option<V2Mount>,
}

/// Where every distribution mounts.
const STANDARD: &str = "/sys/fs/cgroup";

/// `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const CGROUP2_MAGIC: u64 = 0x6367_7270;

impl Hierarchy {
    /// Finds what is mounted.
    pub fn detect() -> Result<Self> {
        // Reading mountinfo takes long on a host with thousands of mounts; a v2 host needs none.
        let statfs = rustix::fs::statfs(STANDARD);
        if statfs.is_ok_and(|s| s.f_type as u64 == CGROUP2_MAGIC) {
            return Ok(Self::assemble(Mounts {
                v1: Vec::new(),
                v2: Some(STANDARD.into()),
            }));
        }
        let text = Dir::new("/proc/self").read("mountinfo")?;
        let mounts = mountinfo::parse(&text);
        if mounts.v1.is_empty() && mounts.v2.is_none() {
            return Err(Error::NotMounted);
        }
        Ok(Self::assemble(mounts))
    }

    fn assemble(mounts: Mounts) -> Self {
        let v2 = mounts.v2.map(|dir| {
            let controllers = v2_controllers(&Dir::new(&dir));
            V2Mount { dir, controllers }
        });
        Self { v1: mounts.v1, v2 }
    }

    /// How the controllers are arranged.
    pub fn layout(&self) -> Layout {
        match (self.v1.is_empty(), &self.v2) {
            (true, _) => Layout::V2,
            (false, Some(_)) => Layout::Hybrid,
            (false, None) => Layout::V1,
        }
    }

    /// Whether a controller can limit a group.
    ///
    /// On v2, devices and freezing are always there: a BPF program and a core file do them.
    pub fn has(&self, controller: Controller) -> bool {
        self.in_v1(controller)
            || self
                .v2
                .as_ref()
                .is_some_and(|v2| v2.controllers.contains(&controller))
            || (self.layout() == Layout::V2
                && matches!(
                    controller,
                    Controller::Devices | Controller::Freezer | Controller::Cpuacct
                ))
    }

    /// Whether swap can be limited: v1 needs `swapaccount=1` on some kernels, v2 a kernel with swap.
    pub fn limits_swap(&self) -> bool {
        let memory = |mount: &&V1Mount| mount.controllers.contains(&Controller::Memory);
        if let Some(mount) = self.v1.iter().find(memory) {
            return Dir::new(&mount.dir).has("memory.memsw.limit_in_bytes");
        }
        // v2's root has no limits; any group below shows which there are.
        let Some(v2) = &self.v2 else { return false };
        let groups = make::children(&Dir::new(&v2.dir));
        groups.iter().any(|group| group.has("memory.swap.max"))
    }

    /// Whether groups have one of these files: `v1` where the controller is v1's, else `v2`.
    ///
    /// Many files are missing in the root, so groups below it are looked at; where there is none,
    /// the file is taken to be there and a missing one becomes a [`crate::Warning`] later.
    pub fn has_file(&self, controller: Controller, v1: &[&str], v2: &[&str]) -> bool {
        let mount = self
            .v1
            .iter()
            .find(|mount| mount.controllers.contains(&controller));
        let (dir, files) = match (mount, &self.v2) {
            (Some(mount), _) => (&mount.dir, v1),
            (None, Some(v2_mount)) if self.has(controller) => (&v2_mount.dir, v2),
            _ => return false,
        };
        let dir = Dir::new(dir);
        let has = |group: &Dir| files.iter().any(|file| group.has(file));
        let mut below = make::children(&dir);
        // Groups of v2 have only the controllers that were enabled for them.
        below.retain(|group| mount.is_some() || v2_controllers(group).contains(&controller));
        !files.is_empty() && (has(&dir) || below.is_empty() || below.iter().any(has))
    }

    pub(crate) fn in_v1(&self, controller: Controller) -> bool {
        self.v1
            .iter()
            .any(|mount| mount.controllers.contains(&controller))
    }

    /// Makes the group `path` (`/gantry/<id>` below each mount) with its limits.
    ///
    /// A group that is already there is used. What could not be limited is in
    /// [`Cgroup::warnings`]. On failure nothing is left.
    pub fn create(&self, path: &str, resources: &Resources) -> Result<Cgroup> {
        Cgroup::create(self, path, resources)
    }

    /// Removes a group that others were made below, if nothing is left in it; else does nothing.
    pub fn remove_if_empty(&self, path: &str) -> Result<()> {
        let path = GroupPath::parse(path)?;
        let v2 = self.v2.iter().map(|mount| &mount.dir);
        for mount in self.v1.iter().map(|mount| &mount.dir).chain(v2) {
            // Busy with groups or processes, or gone: both are fine.
            let _ = rustix::fs::rmdir(path.below(mount));
        }
        Ok(())
    }

    /// The names of the groups right below `path`, in any hierarchy.
    pub fn children(&self, path: &str) -> Result<BTreeSet<String>> {
        let path = GroupPath::parse(path)?;
        let v2 = self.v2.iter().map(|mount| &mount.dir);
        let mounts = self.v1.iter().map(|mount| &mount.dir).chain(v2);
        let entries = mounts.flat_map(|mount| std::fs::read_dir(path.below(mount)));
        let folders = entries
            .flat_map(Iterator::flatten)
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        Ok(folders
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect())
    }

    /// Opens a group that exists.
    pub fn open(&self, path: &str) -> Result<Cgroup> {
        Cgroup::open(self, path)
    }
}

/// What `cgroup.controllers` of a v2 group lists.
pub(crate) fn v2_controllers(dir: &Dir) -> Vec<Controller> {
    let text = dir.try_read("cgroup.controllers").unwrap_or_default();
    text.split_whitespace()
        .filter_map(Controller::from_name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for name in [
            "cpu",
            "io",
            "memory",
            "pids",
            "hugetlb",
            "net_cls",
            "perf_event",
        ] {
            assert_eq!(Controller::from_name(name).unwrap().name(), name);
        }
        assert_eq!(Controller::from_name("blkio"), Some(Controller::Blkio));
        assert_eq!(Controller::from_name("dmem"), None);
    }

    #[test]
    fn this_machine_has_memory_and_pids() {
        let found = Hierarchy::detect().unwrap();
        assert!(
            found.has(Controller::Memory) && found.has(Controller::Pids),
            "{found:?}"
        );
        assert!(found.has(Controller::Freezer) && found.has(Controller::Devices));
    }
}
