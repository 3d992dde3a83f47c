//! What a container is given for its next run only: it is in no record and in no answer.

use std::os::fd::OwnedFd;
use std::sync::PoisonError;

use super::{Container, Containers};
use crate::Error;

/// Things for one run.
#[derive(Debug, Default)]
pub struct Lent {
    /// Detached mounts that go where the container's mounts with these destinations go, instead of their sources.
    pub trees: Vec<(String, OwnedFd)>,
    /// More variables, `NAME=value`.
    pub env: Vec<String>,
    /// Whether what it writes need not survive a loss of power: nothing waits for the disk.
    pub volatile: bool,
}

impl Containers {
    /// Gives a container that has not started yet what its start will take.
    pub fn lend(&self, id: &str, lent: Lent) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        *container
            .lent
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = lent;
        Ok(())
    }
}

impl Container {
    /// Whether the next run's files need not survive a loss of power.
    pub(super) fn is_lent_volatile(&self) -> bool {
        self.lent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .volatile
    }

    /// Takes what was lent; a second start finds nothing.
    pub(super) fn take_lent(&self) -> Lent {
        std::mem::take(&mut self.lent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
