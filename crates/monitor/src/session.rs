//! A process's streams: output to the log and to clients, clients' input to the process.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use gantry_log_format::{LogWriter, Splitter, StreamKind};
use rustix::io::Errno;

use crate::client::{Client, Received};
use crate::clock::unix_nanos;
use crate::input::Input;
use crate::poll::{EventFlags, Poller, Token, Watched};
use crate::protocol::{Attach, Event};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// The most that is read in one go after the process has ended: what the largest pipe holds.
const DRAIN: usize = 2 * 1024 * 1024;
/// How long a client may take nothing while the container waits for it.
const STALL: Duration = Duration::from_secs(10);
/// The same for terminals, where a person may have stopped the output for a while (ctrl-s).
const TERMINAL_STALL: Duration = Duration::from_secs(600);

/// What all sessions use.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) poller: Poller,
    /// For reading; empty when the monitor is idle.
    pub(crate) scratch: Vec<u8>,
    /// What the daemon is to be told.
    pub(crate) events: Vec<Event>,
    next_number: u32,
}

impl Shared {
    pub(crate) fn new(poller: Poller) -> Self {
        Self {
            poller,
            scratch: Vec::new(),
            events: Vec::new(),
            next_number: 1,
        }
    }

    /// A number that no session or client had before.
    pub(crate) fn number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number
    }

    fn take_scratch(&mut self) -> Vec<u8> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(CHUNK, 0);
        scratch
    }
}

/// One output of a process.
#[derive(Debug)]
struct Output {
    source: Watched<OwnedFd>,
    stream: StreamKind,
    splitter: Splitter,
}

/// Who a session belongs to and how its input ends.
#[derive(Debug, Default)]
pub(crate) struct Manner {
    /// The exec's ID; missing: the container itself.
    pub(crate) exec: Option<String>,
    /// Whether the streams are a terminal.
    pub(crate) terminal: bool,
    /// Whether input is closed when a client's has ended.
    pub(crate) once: bool,
}

/// The streams of one process.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) number: u32,
    manner: Manner,
    input: Input,
    outputs: Vec<Output>,
    clients: Vec<Client>,
    log: Option<LogWriter>,
}

impl Session {
    pub(crate) fn new(shared: &mut Shared, manner: Manner, log: Option<LogWriter>) -> Self {
        Self {
            number: shared.number(),
            manner,
            input: Input::default(),
            outputs: Vec::new(),
            clients: Vec::new(),
            log,
        }
    }

    /// Sends clients' input to a non-blocking descriptor from now on.
    pub(crate) fn set_input(&mut self, shared: &Shared, sink: OwnedFd) -> std::io::Result<()> {
        let token = Token::Input(self.number);
        self.input = Input::to(shared.poller.watch(sink, token, EventFlags::empty())?);
        Ok(())
    }

    /// Reads output from a non-blocking descriptor from now on.
    pub(crate) fn add_output(
        &mut self,
        shared: &Shared,
        source: OwnedFd,
        stream: StreamKind,
    ) -> std::io::Result<()> {
        let token = Token::Output(self.number, stream);
        let source = shared.poller.watch(source, token, EventFlags::IN)?;
        self.outputs.push(Output {
            source,
            stream,
            splitter: Splitter::default(),
        });
        Ok(())
    }

    /// Connects a client.
    pub(crate) fn attach(
        &mut self,
        shared: &mut Shared,
        socket: OwnedFd,
        mut attach: Attach,
    ) -> std::io::Result<()> {
        let id = shared.number();
        let leftover = std::mem::take(&mut attach.leftover);
        if !self.manner.terminal {
            attach.detach_keys = Vec::new();
        }
        let socket = shared
            .poller
            .watch(socket, Token::Client(id), EventFlags::empty())?;
        self.clients.push(Client::new(id, socket, attach));
        let index = self.clients.len() - 1;
        if self.clients[index].reading && !leftover.is_empty() {
            self.typed(index, &leftover, shared);
        }
        self.update_interest(shared);
        Ok(())
    }

    pub(crate) fn has_client(&self, id: u32) -> bool {
        self.clients.iter().any(|c| c.id == id)
    }

    pub(crate) fn has_clients(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Whether the process (and all that share its output) can write no more.
    pub(crate) fn outputs_ended(&self) -> bool {
        self.outputs.is_empty()
    }

    pub(crate) fn lost_lines(&self) -> u64 {
        self.log.as_ref().map_or(0, LogWriter::lost_lines)
    }

    /// Sets the terminal's size.
    pub(crate) fn resize(&self, rows: u16, columns: u16) -> Result<(), Errno> {
        let size = rustix::termios::Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let terminal = self.outputs.first().filter(|_| self.manner.terminal);
        terminal.map_or(Err(Errno::NOTTY), |t| {
            rustix::termios::tcsetwinsize(&t.source, size)
        })
    }

    /// An output has something or has ended.
    pub(crate) fn output_ready(&mut self, stream: StreamKind, shared: &mut Shared) {
        self.read_output(stream, shared);
        self.flush_log(shared);
        self.update_interest(shared);
    }

    /// Reads what is there without waiting for slow clients: the process has ended.
    pub(crate) fn drain(&mut self, shared: &mut Shared) {
        let mut left = DRAIN;
        for stream in [StreamKind::Stdout, StreamKind::Stderr] {
            while left > 0 {
                match self.read_output(stream, shared) {
                    Some(count) => left = left.saturating_sub(count),
                    None => break,
                }
            }
        }
        self.flush_log(shared);
        self.update_interest(shared);
    }

    /// One read; the number of bytes, or nothing if there are none (any longer).
    fn read_output(&mut self, stream: StreamKind, shared: &mut Shared) -> Option<usize> {
        let index = self.outputs.iter().position(|o| o.stream == stream)?;
        let mut scratch = shared.take_scratch();
        let read = rustix::io::read(&self.outputs[index].source, &mut scratch[..]);
        let count = match read {
            Ok(0) => {
                self.end_output(index);
                None
            }
            Ok(count) => {
                self.deliver(index, &scratch[..count]);
                Some(count)
            }
            Err(Errno::AGAIN | Errno::INTR) => None,
            // EIO: nobody has the terminal open any longer.
            Err(_) => {
                self.end_output(index);
                None
            }
        };
        shared.scratch = scratch;
        count
    }

    fn deliver(&mut self, index: usize, bytes: &[u8]) {
        let Output {
            stream, splitter, ..
        } = &mut self.outputs[index];
        if let Some(log) = &mut self.log {
            splitter.push(bytes, unix_nanos(), |p| log.write(*stream, p.time, p.bytes));
        }
        for client in &mut self.clients {
            client.push(*stream, bytes);
        }
    }

    fn end_output(&mut self, index: usize) {
        let mut output = self.outputs.remove(index);
        if let Some(log) = &mut self.log {
            let stream = output.stream;
            output
                .splitter
                .finish(unix_nanos(), |p| log.write(stream, p.time, p.bytes));
        }
    }

    fn flush_log(&mut self, shared: &mut Shared) {
        if let Some(log) = &mut self.log {
            log.flush(unix_nanos());
            if log.take_rotated() {
                shared.events.push(Event::LogRotated);
            }
        }
    }

    /// The process is gone and so is all its output: completes the log and closes the input.
    pub(crate) fn finish(&mut self) {
        while !self.outputs.is_empty() {
            self.end_output(0);
        }
        if let Some(log) = &mut self.log {
            log.flush(unix_nanos());
        }
        self.input = Input::default();
    }

    /// Lets all clients go once they have everything.
    pub(crate) fn close_clients(&mut self) {
        for client in &mut self.clients {
            client.close();
            client.update_interest(false);
        }
        self.clients.retain(|c| !c.is_done());
    }

    /// The input can take more, or nobody reads it.
    pub(crate) fn input_ready(&mut self, flags: EventFlags, shared: &mut Shared) {
        self.input.ready(flags);
        self.update_interest(shared);
    }

    /// Closes the input once everything is written.
    pub(crate) fn end_input(&mut self) {
        self.input.end();
    }

    /// A client sent something, can take more, or is gone.
    pub(crate) fn client_ready(&mut self, id: u32, flags: EventFlags, shared: &mut Shared) {
        let Some(index) = self.clients.iter().position(|c| c.id == id) else {
            return;
        };
        if flags.contains(EventFlags::OUT) {
            self.clients[index].flush();
        }
        let gone = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        if self.clients[index].reading && (gone || flags.contains(EventFlags::IN)) {
            self.read_client(index, gone, shared);
        }
        if gone {
            self.clients[index].abandon();
        }
        self.update_interest(shared);
    }

    /// Reads a client's input: once, or, if it is gone, all that it left.
    fn read_client(&mut self, index: usize, gone: bool, shared: &mut Shared) {
        let mut scratch = shared.take_scratch();
        loop {
            match self.clients[index].receive(&mut scratch) {
                Received::Bytes(count) => self.typed(index, &scratch[..count], shared),
                Received::Nothing => break,
                Received::End => {
                    self.client_input_ended(index);
                    break;
                }
            }
            if !gone || !self.clients[index].reading {
                break;
            }
        }
        shared.scratch = scratch;
    }

    fn typed(&mut self, index: usize, bytes: &[u8], shared: &mut Shared) {
        let client = &mut self.clients[index];
        let mut meant = Vec::with_capacity(bytes.len());
        let detach = client.keys.filter(bytes, &mut meant);
        self.input.push(&meant);
        if detach {
            client.close();
            let exec = self.manner.exec.clone();
            shared.events.push(Event::Detached {
                exec,
                by_keys: true,
            });
        }
    }

    /// As Docker does it: the end of input is passed on if that was agreed on, and is otherwise
    /// the end of the client's visit.
    fn client_input_ended(&mut self, index: usize) {
        self.clients[index].reading = false;
        if self.manner.once && !self.manner.terminal {
            self.input.end();
        } else {
            self.clients[index].leave();
        }
    }

    /// When a client must be given up, if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.clients
            .iter()
            .filter_map(|c| self.patience_ends(c))
            .min()
    }

    /// Gives up clients that took nothing for too long.
    pub(crate) fn expire(&mut self, now: Instant, shared: &mut Shared) {
        let is_late = |c: &Client| self.patience_ends(c).is_some_and(|end| end <= now);
        let late: Vec<u32> = self
            .clients
            .iter()
            .filter(|c| is_late(c))
            .map(|c| c.id)
            .collect();
        if late.is_empty() {
            return;
        }
        for client in self.clients.iter_mut().filter(|c| late.contains(&c.id)) {
            client.abandon();
        }
        self.update_interest(shared);
    }

    /// When a client is given up that takes nothing while the container waits for it, or that is
    /// to be let go. An exec's own client may hold it up as long as it likes.
    fn patience_ends(&self, client: &Client) -> Option<Instant> {
        let holds_up = client.is_behind() && self.manner.exec.is_none();
        let stall = if self.manner.terminal && holds_up {
            TERMINAL_STALL
        } else {
            STALL
        };
        client
            .stalled_since()
            .filter(|_| holds_up || client.is_closing())
            .map(|s| s + stall)
    }

    /// Drops clients that are gone, and waits for what there is to wait for.
    fn update_interest(&mut self, shared: &mut Shared) {
        for client in self.clients.extract_if(.., |c| c.is_done()) {
            if !client.is_told() {
                let exec = self.manner.exec.clone();
                shared.events.push(Event::Detached {
                    exec,
                    by_keys: false,
                });
            }
        }
        let accepts = self.input.accepts();
        for client in &mut self.clients {
            client.update_interest(accepts);
        }
        let behind = self.clients.iter().any(Client::is_behind);
        for output in &mut self.outputs {
            if behind || output.source.want(EventFlags::IN).is_err() {
                output.source.ignore();
            }
        }
    }

    /// Gives back the memory of a busy time.
    pub(crate) fn shrink(&mut self) {
        if let Some(log) = &mut self.log {
            log.shrink();
        }
    }
}
