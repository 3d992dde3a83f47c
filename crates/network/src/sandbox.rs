//! Network namespaces for containers, a few of them made ahead.
//!
//! Making a namespace is the slowest step of a container's start, so a thread keeps some
//! ready. It refills the pool a moment after one was taken, off the start's own time.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gantry_netlink::{Changes, Connection};
use gantry_sys::netns;

use crate::error::{Error, Result};

/// `lo` is the first interface of every namespace.
const LOOPBACK: u32 = 1;
/// How long the refill lets the start that took a namespace go ahead.
const REFILL_DELAY: Duration = Duration::from_millis(30);

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

impl Sandbox {
    fn create() -> io::Result<Self> {
        let (netns, ()) = netns::create(|| {
            let mut changes = Changes::new();
            changes.set_up(LOOPBACK, true);
            Connection::open()?.apply(changes)?;
            // Interfaces yet to come get no IPv6 by themselves, as in Docker's networks
            // without IPv6; `lo` keeps ::1. A kernel without IPv6 has no such file.
            let _ = fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
            Ok(())
        })?;
        Ok(Self { netns })
    }
}

/// Namespaces made ahead.
#[derive(Debug)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    filler: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    size: usize,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Sandbox>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Starts filling a pool of this size; 0 keeps none and starts no thread.
    pub(crate) fn new(size: usize) -> Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            size,
        });
        let filler = (size > 0).then(|| {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("sandbox-pool".to_owned())
                .stack_size(256 * 1024)
                .spawn(move || fill(&shared))
        });
        let filler = filler
            .transpose()
            .map_err(|error| Error::system("start a thread", error))?;
        Ok(Self { shared, filler })
    }

    /// A namespace that is ready, or else a new one.
    pub(crate) fn take(&self) -> Result<Sandbox> {
        let ready = self.shared.lock().ready.pop_front();
        self.shared.wake.notify_one();
        match ready {
            Some(sandbox) => Ok(sandbox),
            None => Sandbox::create()
                .map_err(|error| Error::system("create a network namespace", error)),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(filler) = self.filler.take() {
            let _ = filler.join();
        }
    }
}

fn fill(shared: &Shared) {
    let mut state = shared.lock();
    while !state.closed {
        if state.ready.len() >= shared.size {
            state = shared
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            if !state.closed && !state.ready.is_empty() {
                let wait = shared.wake.wait_timeout(state, REFILL_DELAY);
                state = wait.unwrap_or_else(PoisonError::into_inner).0;
            }
            continue;
        }
        drop(state);
        let made = Sandbox::create();
        state = shared.lock();
        match made {
            Ok(sandbox) => state.ready.push_back(sandbox),
            Err(error) => {
                // Whoever needs one makes it and gets the error; here, no busy loop.
                tracing::warn!(%error, "cannot make network namespaces ahead");
                state = shared
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
