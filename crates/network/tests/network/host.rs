//! A host in a network namespace, its containers, and clients outside.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use gantry_netlink::{Changes, Connection, VethPair};
use gantry_network::{
    BoundPort, Endpoint, EndpointRequest, HostPort, NetworkConfig, Networks, PortRequest, Protocol,
    Sandbox,
};
use gantry_sys::netns;

/// Long for what must happen; what must not happen waits as long for nothing.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);

pub(crate) const HOST_OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);

/// Runs a test on a host of its own.
pub(crate) fn on_fresh_host(test: impl FnOnce(&Host) + Send) {
    let result = netns::create(|| {
        let mut changes = Changes::new();
        changes.set_up(1, true);
        Connection::open()?.apply(changes)?;
        let host = Host {
            run_root: tempfile::tempdir()?,
            netns: netns::current()?,
        };
        test(&host);
        Ok(())
    });
    result.expect("tests of networks need root");
}

/// Whether something of which a first packet could be lost is quick: that is sent again after a
/// second, on every fresh host; a busy machine is slow now and then.
#[track_caller]
pub(crate) fn quick_on_a_fresh_host(work: impl Fn(&Host) -> Duration + Sync) {
    let mut took = [Duration::MAX; 5];
    let quick = took.iter_mut().any(|took| {
        on_fresh_host(|host| *took = work(host));
        *took < Duration::from_millis(900)
    });
    assert!(quick, "{took:?}");
}

pub(crate) struct Host {
    run_root: tempfile::TempDir,
    pub(crate) netns: OwnedFd,
}

impl Host {
    pub(crate) fn config(&self) -> NetworkConfig {
        NetworkConfig {
            sandbox_pool: 0,
            ..NetworkConfig::new(self.run_root.path(), None)
        }
    }

    pub(crate) fn open(&self) -> Networks {
        Networks::open(self.config()).unwrap()
    }

    pub(crate) fn run_root(&self) -> PathBuf {
        self.run_root.path().to_owned()
    }

    pub(crate) fn link_names() -> Vec<String> {
        let links = Connection::open().unwrap().links().unwrap();
        links.into_iter().map(|link| link.name).collect()
    }

    pub(crate) fn tables() -> Vec<gantry_nft::Table> {
        gantry_nft::Connection::open().unwrap().tables().unwrap()
    }

    /// A machine on a wire to this host, whose default gateway is this host.
    pub(crate) fn client() -> OwnedFd {
        let (client, ()) = netns::create(|| Ok(())).unwrap();
        let here = Connection::open().unwrap();
        let mut changes = Changes::new();
        changes.add_veth(&VethPair {
            name: "wan0",
            mac: None,
            master: None,
            peer_name: "eth0",
            peer_mac: [2, 0, 0, 0, 0, 2],
            peer_netns: client.as_fd(),
            mtu: None,
        });
        here.apply(changes).unwrap();
        let wan = here.link("wan0").unwrap().unwrap().index;
        let mut changes = Changes::new();
        changes.add_address(wan, HOST_OUTSIDE, 24);
        changes.set_up(wan, true);
        here.apply(changes).unwrap();
        let there = Connection::open_in(client.as_fd()).unwrap();
        let eth0 = there.link("eth0").unwrap().unwrap().index;
        let mut changes = Changes::new();
        changes.set_up(1, true);
        changes.add_address(eth0, CLIENT, 24);
        changes.set_up(eth0, true);
        changes.add_default_route(eth0, HOST_OUTSIDE);
        there.apply(changes).unwrap();
        client
    }
}

pub(crate) struct Container {
    pub(crate) sandbox: Sandbox,
    pub(crate) endpoint: Endpoint,
}

impl Container {
    pub(crate) fn ip(&self) -> Ipv4Addr {
        match self.endpoint.state.ipv4() {
            Some(std::net::IpAddr::V4(address)) => address,
            other => panic!("no IPv4 address: {other:?}"),
        }
    }

    pub(crate) fn port(&self) -> BoundPort {
        self.endpoint.state.ports[0]
    }
}

pub(crate) fn request(id: &str, ports: &[PortRequest]) -> EndpointRequest {
    EndpointRequest {
        container_id: id.to_owned(),
        ports: ports.to_vec(),
        default_route: true,
        ..EndpointRequest::default()
    }
}

pub(crate) fn run(networks: &Networks, id: &str, ports: &[PortRequest]) -> Container {
    let sandbox = networks.create_sandbox().unwrap();
    let endpoint = networks
        .connect(sandbox.as_fd(), request(id, ports))
        .unwrap();
    Container { sandbox, endpoint }
}

pub(crate) fn publish(protocol: Protocol, host_port: u16, container_port: u16) -> PortRequest {
    let host_port = HostPort::Exact(host_port);
    PortRequest {
        host_ip: None,
        host_port,
        container_port,
        protocol,
    }
}

pub(crate) fn listen(netns: impl AsFd, address: &str) -> TcpListener {
    netns::run_in(netns.as_fd(), || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    })
    .unwrap()
}

/// Whether a TCP connection from a namespace to an address reaches the listener, and whom the
/// listener sees.
pub(crate) fn tcp(
    from: impl AsFd,
    to: (impl Into<std::net::IpAddr>, u16),
    listener: &TcpListener,
) -> io::Result<SocketAddr> {
    let target = SocketAddr::new(to.0.into(), to.1);
    thread::scope(|scope| {
        let server = scope.spawn(|| answer(listener));
        let client = netns::run_in(from.as_fd(), || {
            let mut stream = TcpStream::connect_timeout(&target, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"?")?;
            let mut reply = [0];
            stream.read_exact(&mut reply)
        });
        let seen = server.join().unwrap();
        client.and(seen)
    })
}

fn answer(listener: &TcpListener) -> io::Result<SocketAddr> {
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((mut stream, peer)) => {
                stream.set_nonblocking(false)?;
                stream.read_exact(&mut [0])?;
                stream.write_all(b"!")?;
                return Ok(peer);
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

pub(crate) fn udp_socket(netns: impl AsFd, address: &str) -> UdpSocket {
    netns::run_in(netns.as_fd(), || {
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    })
    .unwrap()
}

/// Sends a datagram to an address; returns whom the server sees if the answer comes back.
pub(crate) fn udp(
    client: &UdpSocket,
    to: (impl Into<std::net::IpAddr>, u16),
    server: &UdpSocket,
) -> io::Result<SocketAddr> {
    let to = SocketAddr::new(to.0.into(), to.1);
    client.send_to(b"?", to)?;
    let (_, peer) = server.recv_from(&mut [0; 8])?;
    server.send_to(b"!", peer)?;
    let (_, from) = client.recv_from(&mut [0; 8])?;
    assert_eq!(from, to, "the answer comes from where the question went");
    Ok(peer)
}
