//! Taking down what ended endpoints leave behind, off their users' time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use gantry_netlink::Connection;

use crate::endpoint::EndpointState;
use crate::error::{Error, Result};
use crate::net::Net;
use crate::{flows, veth};

/// An ended endpoint and its network.
pub(crate) type Ended = (EndpointState, Arc<Net>);

/// A thread that deletes interfaces and flows, then frees the addresses.
#[derive(Debug)]
pub(crate) struct Reaper {
    queue: Option<Sender<Ended>>,
    thread: Option<JoinHandle<()>>,
}

impl Reaper {
    /// Starts the thread, in the calling thread's network namespace.
    pub(crate) fn start() -> Result<Self> {
        let netlink = Connection::open().map_err(crate::bridge::system)?;
        let (queue, ended) = channel();
        let thread = thread::Builder::new()
            .name("endpoint-reaper".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || reap(&netlink, &ended))
            .map_err(|error| Error::system("start a thread", error))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Leaves an ended endpoint to the thread.
    pub(crate) fn bury(&self, endpoint: EndpointState, net: Arc<Net>) {
        if let Some(queue) = &self.queue {
            let _ = queue.send((endpoint, net));
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

fn reap(netlink: &Connection, ended: &Receiver<Ended>) {
    while let Ok(first) = ended.recv() {
        let buried: Vec<Ended> = std::iter::once(first).chain(ended.try_iter()).collect();
        flows::forget(buried.iter().map(|(endpoint, _)| endpoint));
        for (endpoint, net) in &buried {
            take_down(netlink, endpoint, net);
        }
    }
}

/// Deletes the endpoint's interface and frees its addresses.
pub(crate) fn take_down(netlink: &Connection, endpoint: &EndpointState, net: &Net) {
    if !endpoint.host_interface.is_empty()
        && let Err(error) = veth::detach(netlink, &endpoint.host_interface)
    {
        tracing::warn!(%error, interface = endpoint.host_interface, "an interface stays");
    }
    net.release(endpoint);
}
