//! What the machine mounts.

use std::fmt;

use gantry_oci::Resources;

use crate::{Cgroup, Result};

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

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The mounted hierarchies, found once.
#[derive(Debug, Clone)]
pub struct Hierarchy {}

impl Hierarchy {
    /// Finds what is mounted.
    pub fn detect() -> Result<Self> {
        Ok(Self {})
    }

    /// How the controllers are arranged.
    pub fn layout(&self) -> Layout {
        Layout::V1
    }

    /// Whether a controller can limit a group.
    pub fn has(&self, _controller: Controller) -> bool {
        false
    }

    /// Makes the group `path` (`/gantry/<id>` below each mount) with its limits.
    ///
    /// A group that is already there is used. What could not be limited is in
    /// [`Cgroup::warnings`]. On failure nothing is left.
    pub fn create(&self, path: &str, resources: &Resources) -> Result<Cgroup> {
        let _ = (path, resources);
        Err(crate::Error::NotMounted)
    }

    /// Opens a group that exists.
    pub fn open(&self, path: &str) -> Result<Cgroup> {
        let _ = path;
        Err(crate::Error::NotMounted)
    }
}
