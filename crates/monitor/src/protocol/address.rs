//! Where a monitor listens.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::SOCKET_FILE;

/// Connects to the monitor that listens in a run directory. The socket is non-blocking.
///
/// `ECONNREFUSED` or `ENOENT` mean that there is none any longer.
pub fn connect(run_dir: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let kind = SocketType::SEQPACKET;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
    with_address(run_dir, |address| rustix::net::connect(&socket, address))?;
    Ok(socket)
}

/// Calls with the socket's address, which the kernel wants to be short (108 bytes): a long one
/// goes by the directory's descriptor.
pub(crate) fn with_address<T>(
    run_dir: &Path,
    call: impl FnOnce(&SocketAddrUnix) -> rustix::io::Result<T>,
) -> io::Result<T> {
    let path = run_dir.join(SOCKET_FILE);
    if let Ok(address) = SocketAddrUnix::new(&path) {
        return Ok(call(&address)?);
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(run_dir, flags, Mode::empty())?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    Ok(call(&SocketAddrUnix::new(short.join(SOCKET_FILE))?)?)
}
