//! One group.

use std::os::fd::{BorrowedFd, OwnedFd};

use gantry_oci::Resources;

use crate::{OomNotifier, Pid, Result, Stats, Warning};

/// One group, in every hierarchy.
#[derive(Debug)]
pub struct Cgroup {}

impl Cgroup {
    /// The path below each mount, as it was given.
    pub fn path(&self) -> &str {
        ""
    }

    /// Limits that could not be set when the group was made.
    pub fn warnings(&self) -> &[Warning] {
        &[]
    }

    /// The v2 directory for `CLONE_INTO_CGROUP`; with it set, only [`Self::join_fds`] remain to do.
    pub fn into_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The v1 groups' `tasks` files, opened for writing and close-on-exec.
    ///
    /// The process to be moved, single-threaded still, writes `0` to each.
    pub fn join_fds(&self) -> Result<Vec<OwnedFd>> {
        Ok(Vec::new())
    }

    /// Moves a process and all its threads into the group, in every hierarchy.
    pub fn add(&self, pid: Pid) -> Result<()> {
        let _ = pid;
        Ok(())
    }

    /// Changes limits; those not named stay. Returns what could not be set.
    pub fn update(&self, resources: &Resources) -> Result<Vec<Warning>> {
        let _ = resources;
        Ok(Vec::new())
    }

    /// Stops every process and waits until all are stopped.
    pub fn freeze(&self) -> Result<()> {
        Ok(())
    }

    /// Lets the processes go on.
    pub fn thaw(&self) -> Result<()> {
        Ok(())
    }

    /// Whether the group is frozen.
    pub fn is_frozen(&self) -> Result<bool> {
        Ok(false)
    }

    /// Sends SIGKILL to every process, those included that are born meanwhile. Does not wait.
    pub fn kill(&self) -> Result<()> {
        Ok(())
    }

    /// The processes in the group and in groups below it.
    pub fn procs(&self) -> Result<Vec<Pid>> {
        Ok(Vec::new())
    }

    /// A descriptor that becomes readable when the group ran out of memory.
    pub fn oom_events(&self) -> Result<OomNotifier> {
        Err(crate::Error::NotMounted)
    }

    /// How many processes the kernel killed for want of memory in this group.
    pub fn oom_kills(&self) -> Result<u64> {
        Ok(0)
    }

    /// Whether the kernel killed a process for want of memory.
    pub fn oom_killed(&self) -> Result<bool> {
        Ok(self.oom_kills()? > 0)
    }

    /// What the group uses.
    pub fn stats(&self) -> Result<Stats> {
        Ok(Stats::default())
    }

    /// Removes the group and empty groups below it; waits shortly for dying processes.
    ///
    /// A group that is gone is no error.
    pub fn remove(&self) -> Result<()> {
        Ok(())
    }
}
