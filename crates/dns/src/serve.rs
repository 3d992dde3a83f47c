//! Serving on a container's sockets.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Directory;
use crate::answer::{Transport, Verdict, answer, fitted};
use crate::forward::Forwarder;
use crate::office::Office;

/// How many questions to others may be open for one asker.
const OPEN_QUESTIONS: usize = 256;
/// How many TCP connections one asker may have.
const CONNECTIONS: usize = 64;
/// How long a TCP connection may be silent.
const IDLE: Duration = Duration::from_secs(10);
/// The largest query.
const LARGEST: usize = 4096;

/// The sockets on which one asker's questions arrive.
#[derive(Debug)]
pub struct Door {
    /// For datagrams.
    pub udp: StdUdpSocket,
    /// For connections.
    pub tcp: StdTcpListener,
    /// The asker's network namespace.
    pub netns: OwnedFd,
}

/// Answers on any number of doors, each for one asker.
pub struct Server {
    shared: Arc<Shared>,
    /// Opened for the first door.
    office: Mutex<Option<Office>>,
    doors: Mutex<HashMap<String, JoinSet<()>>>,
}

struct Shared {
    directory: Arc<dyn Directory>,
    forwarder: Forwarder,
}

/// One door at work.
struct Post {
    shared: Arc<Shared>,
    asker: String,
    netns: OwnedFd,
    questions: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// A server that serves nobody yet.
    pub fn new(directory: Arc<dyn Directory>) -> Self {
        let shared = Arc::new(Shared {
            directory,
            forwarder: Forwarder::default(),
        });
        Self {
            shared,
            office: Mutex::default(),
            doors: Mutex::default(),
        }
    }

    /// Serves an asker from now on, in place of an earlier door of the same one.
    pub fn serve(&self, asker: &str, door: Door) -> io::Result<()> {
        let Door { udp, tcp, netns } = door;
        let office = self.office()?;
        let _entered = office.enter();
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        let (udp, tcp) = (UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?);
        let post = Arc::new(Post {
            shared: Arc::clone(&self.shared),
            asker: asker.to_owned(),
            netns,
            questions: Arc::new(Semaphore::new(OPEN_QUESTIONS)),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn_on(serve_datagrams(Arc::clone(&post), Arc::new(udp)), &office);
        tasks.spawn_on(serve_connections(post, tcp), &office);
        self.lock().insert(asker.to_owned(), tasks);
        Ok(())
    }

    /// Serves an asker no longer; its sockets close.
    pub fn end(&self, asker: &str) {
        self.lock().remove(asker);
    }

    /// Whether this asker is served.
    pub fn serves(&self, asker: &str) -> bool {
        self.lock().contains_key(asker)
    }

    fn office(&self) -> io::Result<Handle> {
        let mut office = self.office.lock().unwrap_or_else(PoisonError::into_inner);
        let office = match &mut *office {
            Some(office) => office,
            none => none.insert(Office::open()?),
        };
        Ok(office.handle.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, JoinSet<()>>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve_datagrams(post: Arc<Post>, socket: Arc<UdpSocket>) {
    let mut buffer = vec![0; LARGEST];
    // Dropped with this task, and the questions with it.
    let mut questions = JoinSet::new();
    loop {
        let (length, from) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                Err(error) => {
                    // Such as an earlier answer that nobody took (ICMP).
                    tracing::debug!(%error, "a name server's socket");
                    tokio::task::yield_now().await;
                    continue;
                }
            },
            Some(_) = questions.join_next(), if !questions.is_empty() => continue,
        };
        let query = &buffer[..length];
        match answer(&*post.shared.directory, &post.asker, query, Transport::Udp) {
            Verdict::Reply(reply) => send(&socket, &reply, from).await,
            Verdict::Ignore => {}
            Verdict::Forward => {
                let Ok(permit) = Arc::clone(&post.questions).try_acquire_owned() else {
                    // Whoever asks so much asks again.
                    continue;
                };
                let (post, socket) = (Arc::clone(&post), Arc::clone(&socket));
                let query = query.to_vec();
                questions.spawn(async move {
                    let _permit = permit;
                    if let Some(reply) = post.ask_others(&query, Transport::Udp).await {
                        send(&socket, &reply, from).await;
                    }
                });
            }
        }
    }
}

async fn send(socket: &UdpSocket, reply: &[u8], to: SocketAddr) {
    if let Err(error) = socket.send_to(reply, to).await {
        tracing::debug!(%error, "an answer to {to} is lost");
    }
}

async fn serve_connections(post: Arc<Post>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a name server's listener");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        // One too many is closed at once.
        if let Ok(permit) = Arc::clone(&post.connections).try_acquire_owned() {
            let post = Arc::clone(&post);
            connections.spawn(async move {
                let _permit = permit;
                let _ = converse(&post, stream).await;
            });
        }
    }
}

/// Answers one connection's questions, each behind its length (RFC 7766).
async fn converse(post: &Post, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let length = timeout(IDLE, stream.read_u16()).await??;
        let mut query = vec![0; usize::from(length)];
        timeout(IDLE, stream.read_exact(&mut query)).await??;
        let verdict = answer(&*post.shared.directory, &post.asker, &query, Transport::Tcp);
        let reply = match verdict {
            Verdict::Reply(reply) => Some(reply),
            Verdict::Forward => post.ask_others(&query, Transport::Tcp).await,
            Verdict::Ignore => None,
        };
        let Some(reply) = reply else {
            return Ok(());
        };
        let mut framed = (reply.len() as u16).to_be_bytes().to_vec();
        framed.extend_from_slice(&reply);
        timeout(IDLE, stream.write_all(&framed)).await??;
    }
}

impl Post {
    async fn ask_others(&self, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let upstreams = self.shared.directory.upstreams(&self.asker);
        let asked = self
            .shared
            .forwarder
            .ask(query, upstreams, &self.netns, transport);
        let answer = asked.await?;
        match transport {
            Transport::Udp => fitted(query, answer),
            Transport::Tcp => Some(answer),
        }
    }
}
