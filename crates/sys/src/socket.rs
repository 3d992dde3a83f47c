//! What a socket has not got rid of yet.

use std::os::fd::{AsFd, AsRawFd};

use crate::Result;

/// Bytes that were written and that the other side has not taken: of TCP those that are not
/// acknowledged, of a local stream those that are not read.
pub fn unsent(socket: impl AsFd) -> Result<usize> {
    let mut count: libc::c_int = 0;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: TIOCOUTQ (SIOCOUTQ of a socket) writes one int through the pointer, which is valid.
    let result = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &raw mut count) };
    crate::checked(libc::c_long::from(result))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_the_other_side_has_not_read_is_unsent() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(super::unsent(&ours), Ok(0));
        ours.write_all(b"hello").unwrap();
        assert!(super::unsent(&ours).unwrap() > 0);
        theirs.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(super::unsent(&ours), Ok(0));
    }
}
