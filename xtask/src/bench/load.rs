//! The traffic that network cases measure: a server and its clients, run inside containers and at
//! their hosts. Small on purpose: what is measured is the way, not the program.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Subcommand;

/// Threads of the server and of those who connect.
const THREADS: u32 = 4;
const CHUNK: u32 = 128 * 1024;
/// The first byte of a connection: what follows is to be swallowed.
const SWALLOW: u8 = b'S';
/// The first byte of a connection: say something and end.
const GREET: u8 = b'G';

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Swallow or greet whoever connects
    Serve { port: u16 },
    /// Send as much as goes; prints Gbit/s
    Send { to: SocketAddr, seconds: u64 },
    /// Connect, hear a byte, end, this often; prints how many a second
    Connect { to: SocketAddr, times: u32 },
    /// Ask the name server of /etc/resolv.conf for a name; prints how many answers a second
    Resolve {
        name: String,
        seconds: u64,
        clients: u32,
    },
}

/// Does it.
pub(crate) fn run(verb: &Verb) -> Result<()> {
    let figure = match verb {
        Verb::Serve { port } => return serve(*port),
        Verb::Send { to, seconds } => send(*to, Duration::from_secs(*seconds))?,
        Verb::Connect { to, times } => connect(*to, *times)?,
        Verb::Resolve {
            name,
            seconds,
            clients,
        } => resolve(name, Duration::from_secs(*seconds), *clients)?,
    };
    println!("{figure:.3}");
    Ok(())
}

fn serve(port: u16) -> Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for stream in listener.incoming().flatten() {
                    let _ = welcome(stream);
                }
            });
        }
    });
    Ok(())
}

fn welcome(mut stream: TcpStream) -> std::io::Result<()> {
    let mut first = [0];
    stream.read_exact(&mut first)?;
    if first[0] == GREET {
        return stream.write_all(&first);
    }
    let mut buffer = vec![0; CHUNK as usize];
    while stream.read(&mut buffer)? > 0 {}
    // Now the sender knows that all of it has come.
    stream.write_all(&first)
}

fn send(to: SocketAddr, length: Duration) -> Result<f64> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(&[SWALLOW])?;
    let chunk = vec![0x5a; CHUNK as usize];
    let begun = Instant::now();
    let mut sent = 0_u32;
    while begun.elapsed() < length {
        stream.write_all(&chunk)?;
        sent += 1;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_exact(&mut [0])?;
    let bits = f64::from(sent) * f64::from(CHUNK) * 8.0;
    Ok(bits / begun.elapsed().as_secs_f64() / 1e9)
}

fn connect(to: SocketAddr, times: u32) -> Result<f64> {
    let begun = Instant::now();
    let once = || -> Result<()> {
        let mut stream = TcpStream::connect(to)?;
        stream.write_all(&[GREET])?;
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard)?;
        if heard != [GREET] {
            bail!("heard {heard:?}");
        }
        Ok(())
    };
    in_threads(THREADS, || (0..times / THREADS).try_for_each(|_| once()))?;
    Ok(f64::from(times) / begun.elapsed().as_secs_f64())
}

fn resolve(name: &str, length: Duration, clients: u32) -> Result<f64> {
    let server = name_server()?;
    let query = query(name);
    let begun = Instant::now();
    let counts = in_threads(clients, || {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.connect((server.as_str(), 53))?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut answered = 0_u32;
        while begun.elapsed() < length {
            ask(&socket, &query)?;
            answered += 1;
        }
        Ok(answered)
    })?;
    Ok(f64::from(counts.iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
}

fn ask(socket: &UdpSocket, query: &[u8]) -> Result<()> {
    let mut answer = [0; 512];
    socket.send(query)?;
    let length = socket.recv(&mut answer).context("no answer")?;
    let good = length > 12 && answer[..2] == query[..2] && answer[3].trailing_zeros() >= 4;
    if !good || answer[6..8] == [0, 0] {
        bail!("a useless answer: {:?}", &answer[..length]);
    }
    Ok(())
}

/// An A query.
fn query(name: &str) -> Vec<u8> {
    let mut bytes = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(b"\0\0\x01\0\x01");
    bytes
}

fn name_server() -> Result<String> {
    let text = std::fs::read_to_string("/etc/resolv.conf")?;
    let first = text.lines().find_map(|l| l.strip_prefix("nameserver "));
    Ok(first.context("no name server")?.trim().to_owned())
}

fn in_threads<T: Send>(count: u32, work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&work)).collect();
        let results = threads.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => bail!("a thread panicked"),
        });
        results.collect()
    })
}
