//! Repairing the firewall when somebody else changed theirs.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gantry_nft::Watch;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::{Firewall, system};
use crate::error::{Error, Result};

/// A reload is several transactions: it is over when nothing came for as long.
const QUIET: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};
/// But who changes something all the time is not waited for: so many quiet times at most.
const PATIENCE: u32 = 10;

/// How often a chain that could not be opened is tried again: nobody tells when a firewalld that has
/// just started can be asked at last, or when a table goes with its owner.
const AGAIN: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// A thread that hears of others' changes and repairs what they took away.
#[derive(Debug)]
pub(crate) struct Watcher {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts the thread, in the calling thread's network namespace.
    pub(crate) fn start(firewall: Arc<Firewall>) -> Result<Self> {
        let watch = Watch::open(&firewall.nft).map_err(system)?;
        let failed = |error: io::Error| Error::system("watch the host's firewall", error);
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
        let stop = Arc::new(stop);
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("firewall-watch".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || keep(&firewall, &watch, &stopped))
            .map_err(failed)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(firewall: &Firewall, watch: &Watch, stop: &OwnedFd) {
    loop {
        let again = firewall.is_shut().then_some(&AGAIN);
        if !wait(watch, stop, again) {
            return;
        }
        match watch.changed() {
            Ok(true) => {}
            Ok(false) if again.is_some() => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(%error, "the host's firewall is watched no longer");
                return;
            }
        }
        for _ in 0..PATIENCE {
            if !wait(watch, stop, Some(&QUIET)) || !watch.changed().unwrap_or(false) {
                break;
            }
        }
        if let Err(error) = firewall.repair() {
            tracing::warn!(%error, "rules that another program removed cannot be put back");
        }
    }
}

/// Waits for news, or for a time; false when the thread shall end.
fn wait(watch: &Watch, stop: &OwnedFd, at_most: Option<&Timespec>) -> bool {
    let mut fds = [
        PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
    ];
    match poll(&mut fds, at_most) {
        Ok(_) | Err(rustix::io::Errno::INTR) => fds[1].revents().is_empty(),
        Err(_) => false,
    }
}
