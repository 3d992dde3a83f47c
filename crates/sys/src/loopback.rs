//! Setting `lo` up (netdevice(7)).

use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::{Result, checked};

/// Sets `lo` up in the calling thread's network namespace.
pub fn set_up() -> Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut request = InterfaceFlags {
        name: *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        flags: (libc::IFF_UP | libc::IFF_RUNNING) as i16,
        rest: [0; 22],
    };
    // SAFETY: the structure has the size and layout of the kernel's `struct ifreq`.
    checked(unsafe {
        libc::syscall(
            libc::SYS_ioctl,
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS,
            &raw mut request,
        )
    })?;
    Ok(())
}

/// `struct ifreq` with the `ifr_flags` member of its union.
#[repr(C)]
struct InterfaceFlags {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

#[cfg(test)]
mod tests {
    use crate::namespaces;

    #[test]
    fn a_new_namespace_answers_on_loopback() {
        namespaces::in_private_mounts(|| {
            namespaces::unshare(namespaces::bits::NETWORK).unwrap();
            let connect = || {
                std::net::TcpStream::connect("127.0.0.1:1")
                    .unwrap_err()
                    .kind()
            };
            assert_eq!(connect(), std::io::ErrorKind::NetworkUnreachable);
            super::set_up().unwrap();
            assert_eq!(connect(), std::io::ErrorKind::ConnectionRefused);
        })
        .unwrap();
    }
}
