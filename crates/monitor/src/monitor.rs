//! The monitor itself: requests in, events out, until the container is over.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use gantry_sys::signals::{SignalFd, SignalSet};
use rustix::process::{WaitOptions, wait};

use crate::container::{Container, Phase};
use crate::ending;
use crate::launch;
use crate::link::{Incoming, Link, Listener};
use crate::poll::{EventFlags, Poller, Token, Watched};
use crate::protocol::{Call, Failure, Message, Reply, Request};
use crate::session::Shared;

/// How long the daemon has to take note of the container's end.
const ACKNOWLEDGE: Duration = Duration::from_secs(5);
/// After how long without anything to do memory is given back.
const IDLE: Duration = Duration::from_millis(300);

/// One container's monitor.
#[derive(Debug)]
pub(crate) struct Monitor {
    shared: Shared,
    children: Watched<SignalFd>,
    link: Option<Link>,
    listener: Option<Listener>,
    container: Option<Container>,
    ending: Ending,
    /// Memory is to be given back when nothing has happened until then.
    busy_until: Option<Instant>,
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Not yet.
    No,
    /// The daemon was told and has not answered yet.
    Told(Instant),
    /// Nothing is left to say.
    Done,
}

impl Monitor {
    /// A monitor that serves the daemon at the other end of `control`.
    pub(crate) fn new(control: OwnedFd) -> io::Result<Self> {
        let poller = Poller::new()?;
        let signals = SignalSet::NONE.with(libc::SIGCHLD);
        gantry_sys::signals::set_mask(signals)?;
        let children = poller.watch(SignalFd::new(signals)?, Token::Children, EventFlags::IN)?;
        Ok(Self {
            link: Some(Link::new(&poller, control)?),
            shared: Shared::new(poller),
            children,
            listener: None,
            container: None,
            ending: Ending::No,
            busy_until: None,
        })
    }

    /// Runs until nobody needs the monitor any longer.
    pub(crate) fn run(mut self) -> io::Result<()> {
        while !self.is_over() {
            let timeout = self
                .deadline()
                .map(|d| d.saturating_duration_since(Instant::now()));
            let ready = self.shared.poller.wait(timeout)?;
            if !ready.is_empty() {
                self.busy_until = Some(Instant::now() + IDLE);
            }
            for (token, flags) in ready {
                self.handle(token, flags);
            }
            self.settle();
        }
        Ok(())
    }

    fn handle(&mut self, token: Token, flags: EventFlags) {
        match token {
            Token::Link => self.link_ready(flags),
            Token::Listener => self.daemon_connects(),
            Token::Children => self.reap(),
            Token::Memory => {
                if let Some(container) = &mut self.container {
                    container.memory_ready(&mut self.shared);
                }
            }
            Token::Relay => {
                if let Some(container) = &mut self.container {
                    container.kept.relay_ready();
                }
            }
            Token::Input(number) => self.session(|session, shared| {
                if session.number == number {
                    session.input_ready(flags, shared);
                }
            }),
            Token::Output(number, stream) => self.session(|session, shared| {
                if session.number == number {
                    session.output_ready(stream, shared);
                }
            }),
            Token::Client(id) => self.session(|session, shared| {
                if session.has_client(id) {
                    session.client_ready(id, flags, shared);
                }
            }),
        }
    }

    fn session(&mut self, mut each: impl FnMut(&mut crate::session::Session, &mut Shared)) {
        if let Some(container) = &mut self.container {
            for session in container.sessions() {
                each(session, &mut self.shared);
            }
        }
    }

    fn link_ready(&mut self, flags: EventFlags) {
        let Some(link) = &mut self.link else { return };
        if flags.contains(EventFlags::OUT) {
            link.flush();
        }
        while let Some(link) = &mut self.link {
            match link.receive() {
                Incoming::Call(call, fds) => self.answer(call, fds),
                Incoming::Nothing => break,
                Incoming::Closed => self.link_lost(),
            }
        }
    }

    fn answer(&mut self, call: Call, fds: Vec<OwnedFd>) {
        let mut beside = Vec::new();
        let reply = self
            .serve(call.request, fds, &mut beside)
            .unwrap_or_else(Reply::Failed);
        // What happened before the answer is told before the answer.
        self.send_events();
        if let Some(link) = &mut self.link {
            link.send(
                &Message::Reply {
                    seq: call.seq,
                    reply,
                },
                beside,
            );
        }
    }

    fn serve(
        &mut self,
        request: Request,
        mut fds: Vec<OwnedFd>,
        beside: &mut Vec<OwnedFd>,
    ) -> Result<Reply, Failure> {
        if let Request::Launch(launch) = request {
            return self.launch(*launch, fds);
        }
        let shared = &mut self.shared;
        let container = self
            .container
            .as_mut()
            .ok_or_else(|| Failure::wrong_state("no container was launched"))?;
        match request {
            Request::Launch(_) => Err(Failure::wrong_state("a container was launched before")),
            Request::Start => container.start(shared),
            Request::Attach(attach) => {
                let client = fds
                    .pop()
                    .ok_or_else(|| Failure::invalid("attach without a socket"))?;
                container.attach(attach, client, shared)
            }
            Request::Exec(exec) => container.exec(*exec, fds.pop(), shared),
            Request::Signal { exec, signal } => container.signal(exec.as_deref(), signal),
            Request::Resize {
                exec,
                rows,
                columns,
            } => container.resize(exec.as_deref(), rows, columns),
            Request::CloseStdin => {
                container.process.session.end_input();
                Ok(Reply::Ok)
            }
            Request::Status => Ok(Reply::Status(Box::new(container.status()))),
            Request::TakeKept => container.kept.duplicate(beside),
            Request::Keep => {
                container.kept.reserved.append(&mut fds);
                Ok(Reply::Ok)
            }
            Request::Release { ports } => {
                container.kept.release(&ports, &shared.poller);
                Ok(Reply::Ok)
            }
            Request::Relay { relays, replace } => {
                container.kept.relay(relays, replace, &shared.poller);
                Ok(Reply::Ok)
            }
            Request::ExitSeen => {
                if matches!(self.ending, Ending::Told(_)) {
                    self.ending = Ending::Done;
                }
                Ok(Reply::Ok)
            }
        }
    }

    fn launch(
        &mut self,
        request: crate::protocol::Launch,
        fds: Vec<OwnedFd>,
    ) -> Result<Reply, Failure> {
        if self.container.is_some() {
            return Err(Failure::wrong_state("a container was launched before"));
        }
        // Whatever is there is of a monitor that was killed.
        ending::remove_socket(&request.run_dir);
        let listener = Listener::bind(&self.shared.poller, &request.run_dir)
            .map_err(|e| Failure::internal("listen in the run directory", e));
        let run_dir = request.run_dir.clone();
        let launched = listener.and_then(|listener| {
            self.listener = Some(listener);
            launch::launch(request, fds, &mut self.shared)
        });
        match launched {
            Ok((container, warnings)) => {
                let pid = container.pid();
                self.container = Some(container);
                Ok(Reply::Launched { pid, warnings })
            }
            Err(failure) => {
                self.listener = None;
                ending::remove_socket(&run_dir);
                self.ending = Ending::Done;
                Err(failure)
            }
        }
    }

    /// The daemon is gone. What runs goes on; what it was about to start never will.
    fn link_lost(&mut self) {
        self.link = None;
        match &mut self.container {
            None => self.ending = Ending::Done,
            Some(container) => container.abort(),
        }
        if matches!(self.ending, Ending::Told(_)) {
            self.ending = Ending::Done;
        }
    }

    /// A daemon has come back; it replaces the one before.
    fn daemon_connects(&mut self) {
        let Some(listener) = &self.listener else {
            return;
        };
        // The old registration must go before the new one is made.
        if let Ok(link) = listener.accept(&self.shared.poller) {
            self.link = Some(link);
        }
    }

    /// Takes note of all children that have ended, orphans of the container among them.
    fn reap(&mut self) {
        while let Ok(Some(_)) = self.children.get().read() {}
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(container) = &mut self.container {
                container.reaped(pid, status, &mut self.shared);
            }
        }
    }

    /// After every round: who has waited too long, what is over, who is to be told.
    fn settle(&mut self) {
        let now = Instant::now();
        self.session(|session, shared| session.expire(now, shared));
        if let Some(container) = &mut self.container {
            let ended = container.settle(&mut self.shared);
            if ended || (matches!(container.phase, Phase::Over(_)) && self.listener.is_some()) {
                self.listener = None;
                ending::remove_socket(container.run_dir());
            }
            if ended {
                self.ending = Ending::Told(now + ACKNOWLEDGE);
            } else if matches!(container.phase, Phase::Over(None)) {
                self.ending = Ending::Done;
            }
        }
        self.send_events();
        if let Some(container) = &mut self.container {
            container.part();
            if matches!(container.phase, Phase::Over(_)) {
                container.clean_up();
            }
        }
        if self.link.as_ref().is_some_and(Link::is_broken) {
            self.link_lost();
        }
        if self.link.is_none() && matches!(self.ending, Ending::Told(_)) {
            self.ending = Ending::Done;
        }
        if self.ending == Ending::Done {
            // Everything is cleaned up: the daemon need not wait while a slow client gets its rest.
            self.link = None;
        }
        self.rest(now);
    }

    fn send_events(&mut self) {
        for event in self.shared.events.drain(..) {
            if let Some(link) = &mut self.link {
                link.send(&Message::Event(event), Vec::new());
            }
        }
    }

    /// Gives back the memory of a busy time when nothing happens any longer.
    fn rest(&mut self, now: Instant) {
        if self.busy_until.is_none_or(|until| until > now) {
            return;
        }
        self.busy_until = None;
        self.shared.scratch = Vec::new();
        self.session(|session, _| session.shrink());
        if let Some(link) = &mut self.link {
            link.shrink();
        }
        gantry_sys::heap::trim();
    }

    fn deadline(&self) -> Option<Instant> {
        let container = self.container.as_ref().and_then(Container::deadline);
        let told = match self.ending {
            Ending::Told(until) => Some(until),
            _ => None,
        };
        [container, told, self.busy_until]
            .into_iter()
            .flatten()
            .min()
    }

    fn is_over(&self) -> bool {
        let said = match self.ending {
            Ending::No => false,
            Ending::Told(until) => until <= Instant::now(),
            Ending::Done => true,
        };
        said && self.container.as_ref().is_none_or(Container::is_over)
    }
}
