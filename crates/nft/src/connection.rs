//! The way to the kernel.

use std::io;
use std::sync::{Mutex, PoisonError};

use gantry_sys::netlink::{self, Answer, Messages, Refusal, Socket};

use crate::batch::Batch;
use crate::error::{Error, Result};

/// A connection to nf_tables of the network namespace that its maker was in.
#[derive(Debug)]
pub struct Connection {
    socket: Mutex<Socket>,
}

impl Connection {
    /// Connects to nf_tables of the calling thread's network namespace.
    pub fn open() -> Result<Self> {
        Ok(Self {
            socket: Mutex::new(Socket::open(netlink::Family::Netfilter)?),
        })
    }

    /// Applies all changes or none.
    pub fn commit(&self, batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (messages, objects) = batch.finish();
        // The kernel answers each refused message and the one before the batch's end.
        let answer = self.exchange(messages, 1)?;
        match answer.refusals.into_iter().next() {
            Some(refusal) => Err(refused(&objects, refusal)),
            None => Ok(()),
        }
    }

    /// The number by which the kernel knows this connection.
    pub(crate) fn port(&self) -> io::Result<u32> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        socket.port()
    }

    pub(crate) fn exchange(&self, messages: Messages, skip: usize) -> io::Result<Answer> {
        self.socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .exchange(messages, skip)
    }
}

/// The first refusal is the cause; later ones often follow from it.
fn refused(objects: &[String], refusal: Refusal) -> Error {
    Error::Refused {
        object: objects.get(refusal.index).cloned().unwrap_or_default(),
        source: io::Error::from_raw_os_error(refusal.errno),
        message: refusal.message,
    }
}
