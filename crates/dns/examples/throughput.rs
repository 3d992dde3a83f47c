//! How many questions for a container's name are answered in a second, one and eight at a time.
#![expect(clippy::print_stdout, reason = "a program for a person's terminal")]

use std::error::Error;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gantry_dns::{Directory, Door, Server, Upstream};

struct One;

impl Directory for One {
    fn addresses(&self, _asker: &str, name: &str) -> Option<Vec<IpAddr>> {
        (name == "web").then(|| vec![Ipv4Addr::new(172, 18, 0, 2).into()])
    }

    fn name_of(&self, _asker: &str, _address: IpAddr) -> Option<String> {
        None
    }

    fn upstreams(&self, _asker: &str) -> Vec<Upstream> {
        Vec::new()
    }
}

const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03web\0\0\x01\0\x01";
const LENGTH: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::new(Arc::new(One));
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    let at = udp.local_addr()?;
    let door = Door {
        udp,
        tcp: TcpListener::bind("127.0.0.1:0")?,
        netns: File::open("/proc/self/ns/net")?.into(),
    };
    server.serve("asker", door)?;
    for clients in [1, 8] {
        let threads: Vec<_> = (0..clients)
            .map(|_| std::thread::spawn(move || ask(at)))
            .collect();
        let mut answered = 0;
        for thread in threads {
            answered += thread.join().map_err(|_| "a client panicked")??;
        }
        println!("{clients} at a time: {} /s", answered / LENGTH.as_secs());
    }
    Ok(())
}

fn ask(at: SocketAddr) -> std::io::Result<u64> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(at)?;
    let begun = Instant::now();
    let mut answered = 0;
    while begun.elapsed() < LENGTH {
        socket.send(QUERY)?;
        socket.recv(&mut [0; 512])?;
        answered += 1;
    }
    Ok(answered)
}
