//! Control groups: v1, hybrid and v2 behind one type.
//!
//! [`Hierarchy`] is what the machine mounts, found once; [`Cgroup`] is one group below it, in every
//! available v1 controller and in the v2 tree. Limits are [`gantry_oci::Resources`]; what the
//! kernel lacks (no swap accounting, no such controller) becomes a [`Warning`] and never fails a
//! container, as Docker does it.
//!
//! # Putting a process inside
//! Three ways, cheapest first. All must happen before the process makes its cgroup namespace,
//! whose root is the group it is in at that moment.
//! 1. [`Cgroup::into_fd`]: `clone3` with `CLONE_INTO_CGROUP` (v2 and hybrid's v2 side).
//! 2. [`Cgroup::join_fds`]: the v1 groups' `tasks` files, opened; the cloned, still
//!    single-threaded process writes `0` to each. Moving oneself alone is the one v1 migration for
//!    which the kernel (5.4 and later) takes no global lock and so waits for no RCU grace period.
//! 3. [`Cgroup::add`]: writes the pid everywhere; works for any process and may take milliseconds.
//!
//! This crate knows no containers, no namespaces and no spec beyond `linux.resources`.
//! Specifications: the kernel's `admin-guide/cgroup-v1/` and `admin-guide/cgroup-v2.rst`;
//! runtime-spec `config-linux.md#control-groups`.

#![forbid(unsafe_code)]

mod device_program;
mod error;
mod files;
mod freeze;
mod group;
mod hierarchy;
mod kill;
mod limits;
mod make;
mod measure;
mod mountinfo;
mod oom;
mod path;
mod processes;
mod stats;
mod warning;

pub use error::{Error, Kind, Result};
pub use group::Cgroup;
pub use hierarchy::{Controller, Hierarchy, Layout};
pub use oom::OomNotifier;
pub use rustix::process::Pid;
pub use stats::{
    BlkioEntry, BlkioStats, CpuStats, HugetlbStats, MemoryStats, PidsStats, Stats, ThrottlingStats,
};
pub use warning::Warning;
