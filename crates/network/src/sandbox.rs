//! Network namespaces for containers.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A network namespace with `lo` up, held open by its descriptor.
#[derive(Debug)]
pub struct Sandbox {
    /// The namespace; it ends when this and every process in it are gone.
    pub netns: OwnedFd,
}

impl AsFd for Sandbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.netns.as_fd()
    }
}
