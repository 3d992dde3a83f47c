//! Taking down what ended endpoints and networks leave behind, off their users' time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use gantry_netlink::Connection;

use crate::endpoint::EndpointState;
use crate::error::{Error, Result};
use crate::flows;
use crate::net::Net;
use crate::retired::Retired;

/// What the thread is told.
#[derive(Debug)]
enum Task {
    /// An endpoint ended, whose interface is still there; and its network.
    Bury(Box<EndpointState>, Arc<Net>),
    /// Interfaces were retired.
    Sweep,
}

/// A thread that deletes interfaces and flows, then frees the addresses.
#[derive(Debug)]
pub(crate) struct Reaper {
    queue: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Reaper {
    /// Starts the thread, in the calling thread's network namespace.
    pub(crate) fn start(retired: Retired) -> Result<Self> {
        let netlink = Connection::open().map_err(crate::bridge::system)?;
        let (queue, tasks) = channel();
        let thread = thread::Builder::new()
            .name("endpoint-reaper".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || reap(&netlink, retired, &tasks))
            .map_err(|error| Error::system("start a thread", error))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Leaves an ended endpoint to the thread.
    pub(crate) fn bury(&self, endpoint: EndpointState, net: Arc<Net>) {
        self.tell(Task::Bury(Box::new(endpoint), net));
    }

    /// Has the thread delete what was retired.
    pub(crate) fn sweep(&self) {
        self.tell(Task::Sweep);
    }

    fn tell(&self, task: Task) {
        if let Some(queue) = &self.queue {
            let _ = queue.send(task);
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

/// Everything that was told meanwhile is done in one go: the kernel deletes many interfaces in
/// little more than the time of one.
fn reap(netlink: &Connection, retired: Retired, tasks: &Receiver<Task>) {
    while let Ok(first) = tasks.recv() {
        let mut ended = Vec::new();
        for task in std::iter::once(first).chain(tasks.try_iter()) {
            if let Task::Bury(endpoint, net) = task {
                ended.push((endpoint, net));
            }
        }
        flows::forget(ended.iter().map(|(endpoint, _)| &**endpoint));
        let interfaces = ended.iter().map(|(endpoint, _)| &*endpoint.host_interface);
        retired.add_all(netlink, interfaces.filter(|name| !name.is_empty()));
        // Nothing answers there any more.
        for (endpoint, net) in &ended {
            net.release(endpoint);
        }
        if let Err(error) = retired.delete(netlink) {
            tracing::warn!(%error, "interfaces that are out of use stay");
        }
    }
}
