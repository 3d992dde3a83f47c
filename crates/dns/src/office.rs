//! The thread that serves all doors.
//!
//! A runtime of several threads wakes a second one for each question that comes, which on a small
//! machine takes the processor from whoever asked. One thread answers tens of thousands of
//! questions a second, and what else the process does delays none.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A runtime on a thread of its own; it ends with this.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl Office {
    /// Opens it; sockets that it makes are of the calling thread's network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("names".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || {
                // Nothing is ever sent: the sender's end is the message.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Self {
            handle,
            _stop: stop,
        })
    }
}
