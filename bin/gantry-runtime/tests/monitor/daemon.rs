//! The daemon's side of the protocol, blocking and with a time limit.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gantry_monitor::protocol::{
    self, Attach, Call, Event, Exit, Failure, Message, Packet, Reply, Request,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::container::Container;

/// Longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A monitor and the link to it.
pub(crate) struct Daemon {
    link: Option<OwnedFd>,
    seq: u64,
    events: VecDeque<Event>,
    pub(crate) fds: Vec<OwnedFd>,
    monitor: Option<Child>,
}

impl Daemon {
    /// Starts a monitor.
    pub(crate) fn new() -> Self {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        // Another build of it can be put in its place, to measure that.
        let program = std::env::var_os("GANTRY_RUNTIME_PROGRAM")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_gantry-runtime").into());
        let monitor = Command::new(program)
            .arg("monitor")
            .stdin(Stdio::from(theirs))
            .spawn()
            .unwrap();
        let mut daemon = Self::over(ours);
        daemon.monitor = Some(monitor);
        daemon
    }

    /// A daemon that comes back.
    pub(crate) fn reconnected(container: &Container) -> Self {
        Self::over(protocol::connect(container.run_dir()).unwrap())
    }

    fn over(link: OwnedFd) -> Self {
        rustix::io::ioctl_fionbio(&link, false).unwrap();
        rustix::net::sockopt::set_socket_timeout(
            &link,
            rustix::net::sockopt::Timeout::Recv,
            Some(PATIENCE),
        )
        .unwrap();
        Self {
            link: Some(link),
            seq: 0,
            events: VecDeque::new(),
            fds: Vec::new(),
            monitor: None,
        }
    }

    /// Starts a monitor and launches a container in it.
    pub(crate) fn launched(container: &Container) -> Self {
        container.write_spec();
        let mut daemon = Self::new();
        let reply = daemon.call(Request::Launch(Box::new(container.launch.clone())), &[]);
        assert!(matches!(reply, Ok(Reply::Launched { .. })), "{reply:?}");
        daemon
    }

    /// The same, and starts it.
    pub(crate) fn started(container: &Container) -> Self {
        let mut daemon = Self::launched(container);
        daemon.start();
        daemon
    }

    pub(crate) fn start(&mut self) {
        let reply = self.call(Request::Start, &[]);
        assert!(matches!(reply, Ok(Reply::Started { .. })), "{reply:?}");
    }

    pub(crate) fn call(
        &mut self,
        request: Request,
        fds: &[BorrowedFd<'_>],
    ) -> Result<Reply, Failure> {
        self.seq += 1;
        let call = Call {
            seq: self.seq,
            request,
        };
        let link = self.link.as_ref().unwrap();
        protocol::send(link, &protocol::encode(&call).unwrap(), fds).unwrap();
        loop {
            match self.message().expect("the monitor has closed the link") {
                Message::Event(event) => self.events.push_back(event),
                Message::Reply { seq, reply } => {
                    assert_eq!(seq, self.seq);
                    return match reply {
                        Reply::Failed(failure) => Err(failure),
                        reply => Ok(reply),
                    };
                }
            }
        }
    }

    fn message(&mut self) -> Option<Message> {
        let mut buffer = Vec::new();
        match protocol::receive(self.link.as_ref().unwrap(), &mut buffer).unwrap() {
            Packet::Message(fds) => {
                self.fds.extend(fds);
                Some(protocol::decode(&buffer).unwrap())
            }
            Packet::Closed => None,
        }
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            match self.message().expect("the monitor has closed the link") {
                Message::Event(event) => self.events.push_back(event),
                Message::Reply { .. } => panic!("a reply to nothing"),
            }
        }
    }

    /// How the container ends; events before that are passed over.
    pub(crate) fn exit(&mut self) -> Exit {
        loop {
            if let Event::Exited(exit) = self.event() {
                return exit;
            }
        }
    }

    /// Takes note of the container's end, and waits for the monitor's.
    pub(crate) fn dismiss(mut self) {
        assert_eq!(self.call(Request::ExitSeen, &[]).unwrap(), Reply::Ok);
        self.wait_for_monitor();
    }

    /// Dies.
    pub(crate) fn close(&mut self) {
        self.link = None;
    }

    pub(crate) fn monitor_pid(&self) -> u32 {
        self.monitor.as_ref().unwrap().id()
    }

    pub(crate) fn wait_for_monitor(&mut self) {
        let mut monitor = self.monitor.take().unwrap();
        let began = Instant::now();
        loop {
            if let Some(status) = monitor.try_wait().unwrap() {
                assert!(status.success());
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the monitor does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Attaches a client to the container.
    pub(crate) fn attach(&mut self, attach: Attach) -> Client {
        let (client, theirs) = UnixStream::pair().unwrap();
        let reply = self.call(Request::Attach(attach), &[theirs.as_fd()]);
        assert_eq!(reply, Ok(Reply::Ok));
        Client::over(client)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut monitor) = self.monitor.take() {
            let _ = monitor.kill();
            let _ = monitor.wait();
        }
    }
}

/// A client's end of an attached stream.
pub(crate) struct Client(pub(crate) UnixStream);

impl Client {
    pub(crate) fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn end_input(&self) {
        self.0.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Reads until this text has come; returns all that came.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let so_far = String::from_utf8_lossy(&all).into_owned();
            if so_far.contains(text) {
                return so_far;
            }
            let count = self.0.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the stream ends before {text:?}: {so_far:?}");
            all.extend_from_slice(&buffer[..count]);
        }
    }

    /// Everything up to the stream's end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        self.0.read_to_end(&mut all).unwrap();
        all
    }

    /// The frames up to the stream's end, joined by stream: standard output and error.
    pub(crate) fn rest_of_frames(&mut self) -> (String, String) {
        let all = self.rest();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut left = &all[..];
        while let Some((header, rest)) = left.split_first_chunk::<8>() {
            let [stream, 0, 0, 0, a, b, c, d] = *header else {
                panic!("no frame: {header:?}")
            };
            let (bytes, rest) = rest.split_at(u32::from_be_bytes([a, b, c, d]) as usize);
            if stream == 1 { &mut out } else { &mut err }.extend_from_slice(bytes);
            left = rest;
        }
        assert!(left.is_empty());
        (
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }
}

/// All streams in frames.
pub(crate) fn framed(stdin: bool) -> Attach {
    Attach {
        stdin,
        stdout: true,
        stderr: true,
        framed: true,
        ..Attach::default()
    }
}

/// A terminal, left by ctrl-p ctrl-q.
pub(crate) fn terminal() -> Attach {
    Attach {
        stdin: true,
        stdout: true,
        detach_keys: vec![0x10, 0x11],
        ..Attach::default()
    }
}
