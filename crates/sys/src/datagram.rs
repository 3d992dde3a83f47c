//! Datagrams together with the address of this host that they came to (`IP_PKTINFO`, ip(7);
//! `IPV6_RECVPKTINFO`, RFC 3542), so that an answer leaves from where the question went.

use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::{Result, checked};

/// One of this host's addresses, and the interface that belongs to it where the address alone does
/// not say it (link-local ones).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Local {
    /// The address.
    pub address: IpAddr,
    /// The interface's index; 0 is whichever the route leads to.
    pub interface: u32,
}

/// Room for either control message, aligned as `cmsghdr` is.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Has the socket's family tell where datagrams came to.
pub fn tell_destination(socket: BorrowedFd<'_>, ipv6: bool) -> Result<()> {
    let (level, option) = if ipv6 {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        (libc::IPPROTO_IP, libc::IP_PKTINFO)
    };
    let on: libc::c_int = 1;
    // SAFETY: the value is a live int of the length that is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    checked(result.into()).map(drop)
}

/// Receives a datagram without waiting: its length, who sent it and where it came to, if the socket
/// tells.
pub fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<(usize, Option<SocketAddr>, Option<Local>)> {
    let mut name = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let mut message = header(&mut part);
    message.msg_name = name.as_mut_ptr().cast();
    message.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: all of the message's pointers lead to live memory of the lengths beside them.
    let result = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let length = checked(result as libc::c_long)? as usize;
    // SAFETY: it was zeroed, which is a valid value, and the kernel wrote at most its size.
    let from = address_of(unsafe { name.assume_init_ref() });
    Ok((length, from, local_of(&message)))
}

/// Sends a datagram without waiting, from an address of this host if one is given.
pub fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    to: SocketAddr,
    from: Option<Local>,
) -> Result<usize> {
    let mut name = name_of(to);
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        // The kernel only reads it.
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut message = header(&mut part);
    message.msg_name = (&raw mut name.0).cast();
    message.msg_namelen = name.1;
    if let Some(from) = from {
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = size_of::<Control>() as _;
        message.msg_controllen = write_local(&message, from) as _;
    }
    let (fd, message) = (socket.as_raw_fd(), &raw const message);
    // SAFETY: all of the message's pointers lead to live memory of the lengths beside them.
    let result = unsafe { libc::sendmsg(fd, message, libc::MSG_DONTWAIT) };
    checked(result as libc::c_long).map(|length| length as usize)
}

fn header(part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: zeroes are a valid value of this plain C structure.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message
}

/// Where the datagram came to, as its control messages say.
fn local_of(message: &libc::msghdr) -> Option<Local> {
    // SAFETY: the kernel has filled the control buffer and set its length.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !next.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return only whole headers inside of the buffer.
        let (kind, data) = unsafe {
            (
                ((*next).cmsg_level, (*next).cmsg_type),
                libc::CMSG_DATA(next),
            )
        };
        match kind {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: this kind carries this structure, perhaps unaligned.
                let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                let address = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
                return Some(Local {
                    address: address.into(),
                    interface: 0,
                });
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: this kind carries this structure, perhaps unaligned.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                let interface = if address.is_unicast_link_local() {
                    info.ipi6_ifindex
                } else {
                    0
                };
                return Some(Local {
                    address: address.into(),
                    interface,
                });
            }
            _ => {}
        }
        // SAFETY: as for the first.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
    None
}

/// Writes the one control message that names the source; returns the length of all of them.
fn write_local(message: &libc::msghdr, from: Local) -> usize {
    // SAFETY: the control buffer is aligned for a header and has room for either structure: the
    // larger takes CMSG_SPACE(20) = 40 bytes of 64.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(message);
        let data = libc::CMSG_DATA(header);
        let length = match from.address {
            IpAddr::V4(address) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: from.interface as libc::c_int,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(address.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                (*header).cmsg_level = libc::IPPROTO_IP;
                (*header).cmsg_type = libc::IP_PKTINFO;
                data.cast::<libc::in_pktinfo>().write_unaligned(info);
                size_of::<libc::in_pktinfo>()
            }
            IpAddr::V6(address) => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: address.octets(),
                    },
                    ipi6_ifindex: from.interface,
                };
                (*header).cmsg_level = libc::IPPROTO_IPV6;
                (*header).cmsg_type = libc::IPV6_PKTINFO;
                data.cast::<libc::in6_pktinfo>().write_unaligned(info);
                size_of::<libc::in6_pktinfo>()
            }
        } as u32;
        (*header).cmsg_len = libc::CMSG_LEN(length) as _;
        libc::CMSG_SPACE(length) as usize
    }
}

fn address_of(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is this structure, which is smaller.
            let name = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            let address = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            Some((address, u16::from_be(name.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            let address = Ipv6Addr::from(name.sin6_addr.s6_addr);
            let port = u16::from_be(name.sin6_port);
            let address =
                std::net::SocketAddrV6::new(address, port, name.sin6_flowinfo, name.sin6_scope_id);
            Some(address.into())
        }
        _ => None,
    }
}

fn name_of(to: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: zeroes are a valid value of this plain C structure.
    let mut name: libc::sockaddr_storage = unsafe { MaybeUninit::zeroed().assume_init() };
    let length = match to {
        SocketAddr::V4(to) => {
            let own = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: to.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(to.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: the storage is larger than any address, and aligned for all.
            unsafe { (&raw mut name).cast::<libc::sockaddr_in>().write(own) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(to) => {
            let own = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: to.port().to_be(),
                sin6_flowinfo: to.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: to.ip().octets(),
                },
                sin6_scope_id: to.scope_id(),
            };
            // SAFETY: as above.
            unsafe { (&raw mut name).cast::<libc::sockaddr_in6>().write(own) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    (name, length as libc::socklen_t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    fn asked_and_answered(bound: &str, asked: &str, client: &str) {
        let server = UdpSocket::bind(bound).unwrap();
        tell_destination(server.as_fd(), bound.starts_with('[')).unwrap();
        let port = server.local_addr().unwrap().port();
        let asked: IpAddr = asked.parse().unwrap();
        let client = UdpSocket::bind(client).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        client.send_to(b"question", (asked, port)).unwrap();
        let begun = Instant::now();
        let mut buffer = [0; 64];
        let (length, from, local) = loop {
            match receive(server.as_fd(), &mut buffer) {
                Err(crate::Errno::AGAIN) if begun.elapsed() < Duration::from_secs(20) => {}
                result => break result.unwrap(),
            }
        };
        assert_eq!(&buffer[..length], b"question");
        assert_eq!(from, Some(client.local_addr().unwrap()));
        assert_eq!(local.unwrap().address, asked);
        send(server.as_fd(), b"answer", from.unwrap(), local).unwrap();
        let (length, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!(
            (&buffer[..length], from),
            (&b"answer"[..], (asked, port).into())
        );
    }

    #[test]
    fn answers_leave_from_where_the_question_went() {
        // All of 127/8 is this host; the kernel would answer from 127.0.0.1.
        asked_and_answered("0.0.0.0:0", "127.0.0.7", "127.0.0.1:0");
        asked_and_answered("[::]:0", "::1", "[::1]:0");
    }

    #[test]
    fn nothing_there_is_no_wait() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let nothing = receive(server.as_fd(), &mut [0; 8]).unwrap_err();
        assert_eq!(nothing, crate::Errno::AGAIN);
    }
}
