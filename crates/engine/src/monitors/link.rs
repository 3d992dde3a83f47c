//! Calls to a monitor and events from it, over one SEQPACKET socket.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gantry_monitor::protocol::{self, Call, Event, Message, Packet, Reply, Request};
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::sync::{mpsc, oneshot};

/// A reply with the descriptors that came with it.
pub(crate) type Answer = (Reply, Vec<OwnedFd>);

/// What a link tells its owner by itself.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The monitor reports something.
    Event(Event),
    /// The monitor is gone, or the socket is broken.
    Closed,
}

/// One daemon-to-monitor connection.
#[derive(Debug)]
pub(crate) struct MonitorLink {
    socket: AsyncFd<OwnedFd>,
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    closed: bool,
    calls: HashMap<u64, oneshot::Sender<Answer>>,
}

impl MonitorLink {
    /// Takes over a connected, non-blocking socket; events go to the returned channel, the last
    /// of them [`LinkEvent::Closed`].
    #[expect(
        deprecated,
        reason = "an OwnedFd stays what it is; the replacement is unsafe for others' sake"
    )]
    pub(crate) fn over(
        socket: OwnedFd,
    ) -> io::Result<(Arc<Self>, mpsc::UnboundedReceiver<LinkEvent>)> {
        let link = Arc::new(Self {
            socket: AsyncFd::with_interest(socket, Interest::READABLE | Interest::WRITABLE)?,
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
        });
        let (events, receiver) = mpsc::unbounded_channel();
        tokio::spawn(read_all(Arc::clone(&link), events));
        Ok((link, receiver))
    }

    /// Connects to the monitor that listens in a run directory.
    pub(crate) fn connect(
        run_dir: &Path,
    ) -> io::Result<(Arc<Self>, mpsc::UnboundedReceiver<LinkEvent>)> {
        Self::over(protocol::connect(run_dir)?)
    }

    /// Sends a request and waits for its reply.
    pub(crate) async fn call(
        &self,
        request: Request,
        fds: &[BorrowedFd<'_>],
    ) -> io::Result<Answer> {
        let seq = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.closed {
                return Err(gone());
            }
            waiting.calls.insert(seq, sender);
        }
        let bytes = protocol::encode(&Call { seq, request })?;
        let sent = self
            .socket
            .async_io(Interest::WRITABLE, |socket| {
                protocol::send(socket, &bytes, fds)
            })
            .await;
        if let Err(e) = sent {
            self.forget(seq);
            return Err(e);
        }
        receiver.await.map_err(|_| gone())
    }

    fn forget(&self, seq: u64) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .calls
            .remove(&seq);
    }

    fn answered(&self, seq: u64, answer: Answer) {
        let call = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .calls
            .remove(&seq);
        if let Some(call) = call {
            // A caller that no longer waits has lost interest; its descriptors close here.
            let _ = call.send(answer);
        }
    }

    /// Fails all calls that wait and all that come.
    fn close(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.closed = true;
        waiting.calls.clear();
    }
}

async fn read_all(link: Arc<MonitorLink>, events: mpsc::UnboundedSender<LinkEvent>) {
    let mut buffer = Vec::new();
    loop {
        match next_packet(&link, &mut buffer).await {
            Ok(Packet::Message(fds)) => match protocol::decode(&buffer) {
                Ok(Message::Reply { seq, reply }) => link.answered(seq, (reply, fds)),
                Ok(Message::Event(event)) => {
                    let _ = events.send(LinkEvent::Event(event));
                }
                Err(e) => tracing::warn!("a monitor sent something that is no message: {e}"),
            },
            Ok(Packet::Closed) => break,
            Err(e) => {
                tracing::debug!("a monitor's socket failed: {e}");
                break;
            }
        }
    }
    link.close();
    let _ = events.send(LinkEvent::Closed);
}

async fn next_packet(link: &MonitorLink, buffer: &mut Vec<u8>) -> io::Result<Packet> {
    loop {
        let mut ready = link.socket.readable().await?;
        match protocol::receive(ready.get_inner().as_fd(), buffer) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                ready.clear_ready_matching(Ready::READABLE);
            }
            done => return done,
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the monitor is gone")
}
