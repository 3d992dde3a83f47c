//! Being told that somebody else changed the rules.

use std::os::fd::{AsFd, BorrowedFd};

use gantry_sys::netlink::{Family, Socket};

use crate::connection::Connection;
use crate::error::Result;

/// `NFNLGRP_NFTABLES`
const GROUP: i32 = 7;

/// Hears of every change of nf_tables in the network namespace that its maker was in.
#[derive(Debug)]
pub struct Watch {
    socket: Socket,
    /// Whose changes do not count.
    own: u32,
}

impl Watch {
    /// Listens from now on; what goes through `own` is not told.
    pub fn open(own: &Connection) -> Result<Self> {
        let socket = Socket::open(Family::Netfilter)?;
        socket.subscribe(GROUP)?;
        Ok(Self {
            socket,
            own: own.port()?,
        })
    }

    /// Whether anybody else changed anything since the last call. Does not wait: the descriptor
    /// is readable when there is news.
    pub fn changed(&self) -> Result<bool> {
        match self.socket.notices() {
            Ok(notices) => Ok(notices.iter().any(|(port, _)| *port != self.own)),
            // Too many to be kept: somebody changed very much.
            Err(error) if error.raw_os_error() == Some(ENOBUFS) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// `errno.h`
const ENOBUFS: i32 = 105;

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
