//! Descriptors that the program was started with.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Takes over a descriptor that another program opened for us, and keeps it from programs that we
/// start. It is a duplicate: the number that was given stays open and is never closed by us, so that
/// nobody can own it twice.
pub fn take(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with F_DUPFD_CLOEXEC only looks `number` up; one that is not open gives EBADF.
    let duplicate = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if duplicate < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the same; the flag is set on the original so that it does not reach our children.
    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd as _;

    #[test]
    fn what_is_not_open_is_refused() {
        let (reader, _writer) = io::pipe().unwrap();
        assert_ne!(
            take(reader.as_raw_fd()).unwrap().as_raw_fd(),
            reader.as_raw_fd()
        );
        assert_eq!(take(1 << 20).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
