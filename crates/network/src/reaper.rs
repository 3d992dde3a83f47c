//! Taking down what ended endpoints leave behind, off their users' time.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use gantry_netlink::Connection;

use crate::addresses::Addresses;
use crate::endpoint::EndpointState;
use crate::error::{Error, Result};
use crate::{flows, veth};

/// A thread that deletes interfaces and flows, then frees the addresses.
#[derive(Debug)]
pub(crate) struct Reaper {
    queue: Option<Sender<EndpointState>>,
    thread: Option<JoinHandle<()>>,
}

impl Reaper {
    /// Starts the thread, in the calling thread's network namespace.
    pub(crate) fn start(addresses: Arc<Mutex<Addresses>>) -> Result<Self> {
        let netlink = Connection::open().map_err(crate::bridge::system)?;
        let (queue, ended) = channel();
        let thread = thread::Builder::new()
            .name("endpoint-reaper".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || reap(&netlink, &addresses, &ended))
            .map_err(|error| Error::system("start a thread", error))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Leaves an ended endpoint to the thread.
    pub(crate) fn bury(&self, endpoint: EndpointState) {
        if let Some(queue) = &self.queue {
            let _ = queue.send(endpoint);
        }
    }
}

/// Waits until everything is taken down.
impl Drop for Reaper {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn reap(netlink: &Connection, addresses: &Mutex<Addresses>, ended: &Receiver<EndpointState>) {
    while let Ok(first) = ended.recv() {
        let endpoints: Vec<_> = std::iter::once(first).chain(ended.try_iter()).collect();
        flows::forget(&endpoints);
        for endpoint in &endpoints {
            if let Err(error) = veth::detach(netlink, &endpoint.host_interface) {
                tracing::warn!(%error, interface = endpoint.host_interface, "an interface stays");
            }
            let mut addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.release(endpoint.ip, &endpoint.endpoint_id);
        }
    }
}
