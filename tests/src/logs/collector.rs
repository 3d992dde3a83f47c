//! Sockets that stand for collectors, in a world's network or in its folder.

use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::harness::{PATIENCE, World};

/// Runs something in a world's network: sockets stay in the network in which they were made.
fn inside<T: Send + 'static>(world: &World, work: impl FnOnce() -> T + Send + 'static) -> T {
    let namespace = File::open(format!("/proc/{}/ns/net", world.inner_pid())).unwrap();
    let there = thread::spawn(move || {
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(namespace.as_fd(), kind).unwrap();
        work()
    });
    there.join().unwrap()
}

/// A UDP socket on that port.
pub(super) fn udp(world: &World, port: u16) -> UdpSocket {
    let socket = inside(world, move || UdpSocket::bind(("127.0.0.1", port)).unwrap());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A listener on that port.
pub(super) fn tcp(world: &World, port: u16) -> TcpListener {
    inside(world, move || {
        TcpListener::bind(("127.0.0.1", port)).unwrap()
    })
}

/// A datagram socket at that path.
pub(super) fn unix(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub(super) fn next_datagram(receive: impl FnOnce(&mut [u8]) -> std::io::Result<usize>) -> Vec<u8> {
    let mut buffer = vec![0; 64 * 1024];
    let count = receive(&mut buffer).expect("a message comes in time");
    buffer.truncate(count);
    buffer
}

/// Reads one connection until what came satisfies `is_enough`.
pub(super) fn read_until(listener: &TcpListener, is_enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut all, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while !is_enough(&all) {
        let count = stream.read(&mut buffer).expect("the rest comes in time");
        assert_ne!(count, 0, "ended after {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&buffer[..count]);
    }
    all
}

/// Every line that comes over any connection, as it comes.
pub(super) fn lines(listener: TcpListener) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            thread::spawn(move || {
                use std::io::BufRead;
                for line in std::io::BufReader::new(stream.unwrap()).lines() {
                    if line.is_ok_and(|line| sender.send(line).is_ok()) {
                        continue;
                    }
                    return;
                }
            });
        }
    });
    receiver
}

/// The next line; the test fails without one.
#[track_caller]
pub(super) fn next_line(lines: &Receiver<String>) -> String {
    lines.recv_timeout(PATIENCE).expect("a line comes in time")
}
