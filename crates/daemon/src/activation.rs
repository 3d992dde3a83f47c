//! Sockets that systemd opened for us (`fd://`), by the protocol of `sd_listen_fds(3)`.

use std::os::fd::{AsFd, OwnedFd, RawFd};

use crate::Error;
use crate::address::FIRST_FD;

/// Takes the sockets that were handed to this process; none when it was started otherwise.
///
/// To be called once, before anything else opens descriptors.
pub(crate) fn take() -> Result<Vec<(u32, OwnedFd)>, Error> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or(0);
    let mut sockets = Vec::new();
    for number in FIRST_FD..FIRST_FD + count {
        let fd = gantry_sys::inherited::take(number as RawFd).map_err(Error::file(
            "take over",
            format!("descriptor {number} of LISTEN_FDS"),
        ))?;
        if !rustix::net::sockopt::socket_acceptconn(fd.as_fd()).unwrap_or(false) {
            return Err(Error::Setting {
                setting: "LISTEN_FDS",
                value: number.to_string(),
                reason: "it is no listening socket; the socket unit needs Accept=no".to_owned(),
            });
        }
        sockets.push((number, fd));
    }
    Ok(sockets)
}
