//! The way to the kernel.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use gantry_sys::netlink::{Answer, Family, Messages, Refusal, Socket};
use gantry_sys::netns;

use crate::changes::Changes;
use crate::error::{Error, Result};

/// A connection to rtnetlink of one network namespace.
#[derive(Debug)]
pub struct Connection {
    socket: Mutex<Socket>,
}

impl Connection {
    /// Connects to the calling thread's network namespace.
    pub fn open() -> Result<Self> {
        Ok(Self {
            socket: Mutex::new(Socket::open(Family::Route)?),
        })
    }

    /// Connects to another network namespace. The connection keeps that namespace alive.
    pub fn open_in(netns: BorrowedFd<'_>) -> Result<Self> {
        let socket = netns::run_in(netns, || Socket::open(Family::Route))?;
        Ok(Self {
            socket: Mutex::new(socket),
        })
    }

    /// Tries all changes in one send; the first one refused is the error.
    pub fn apply(&self, changes: Changes) -> Result<()> {
        if changes.messages.is_empty() {
            return Ok(());
        }
        let Changes {
            messages,
            mut descriptions,
        } = changes;
        match self.exchange(messages)?.refusals.into_iter().next() {
            None => Ok(()),
            Some(refusal) => Err(refused(descriptions.swap_remove(refusal.index), refusal)),
        }
    }

    pub(crate) fn exchange(&self, messages: Messages) -> io::Result<Answer> {
        self.socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .exchange(messages, 0)
    }
}

pub(crate) fn refused(what: String, refusal: Refusal) -> Error {
    let source = io::Error::from_raw_os_error(refusal.errno);
    Error::Refused {
        what,
        source,
        message: refusal.message,
    }
}
