//! What the daemon and a monitor say to each other.
//!
//! Each packet of the `SOCK_SEQPACKET` socket is one JSON message of at most [`MAX_PACKET`] bytes;
//! descriptors travel beside it (`SCM_RIGHTS`), in the order that the message's documentation
//! gives. The daemon sends [`Call`]s, the monitor answers each with one [`Message::Reply`] of the
//! same number, in order, and sends [`Message::Event`]s whenever something happens.
//!
//! The usual course is `Launch`, any number of `Attach`, `Start`; the daemon need not wait for one
//! answer before it sends the next. After a `Launch` or `Start` that failed the monitor has undone
//! everything and ends. After the container's end the monitor sends [`Event::Exited`], removes the
//! cgroup and closes the link once the daemon has asked for [`Request::ExitSeen`], closed its end,
//! or done neither for a few seconds. From then on (the link's end is the sign) the container may
//! be launched again by another monitor, even if this one still has output for a slow client.
//!
//! The event of an exec's end is sent before its client's stream is closed. Who is asked for the
//! exit code by such a client and does not have it yet asks for [`Request::Status`]: the event
//! comes before the answer.
//!
//! A monitor listens on `monitor.sock` in the container's run directory; a daemon that connects
//! there replaces the one before, and first asks for [`Request::Status`].

mod address;
mod bytes;
mod packet;

use std::path::PathBuf;

use gantry_oci::Process;
use serde::{Deserialize, Serialize};

pub use address::connect;
pub(crate) use address::with_address;
pub use packet::{MAX_FDS, MAX_PACKET, Packet, decode, encode, receive, send};

/// File in the run directory that holds the container's OCI specification; the daemon writes it.
pub const CONFIG_FILE: &str = "config.json";
/// Socket in the run directory on which the monitor listens.
pub const SOCKET_FILE: &str = "monitor.sock";
/// File in the run directory that the monitor leaves when the container has ended: an
/// [`ExitRecord`].
pub const EXIT_FILE: &str = "exit.json";

/// A request with the number that its reply will carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Chosen by the daemon.
    pub seq: u64,
    /// What is asked for.
    pub request: Request,
}

/// What the monitor sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// The answer to the call of that number.
    Reply {
        /// The call's number.
        seq: u64,
        /// The answer.
        reply: Reply,
    },
    /// Something that happened by itself.
    Event(Event),
}

/// What a daemon can ask of a monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Create the container up to just before its program is executed. Answer: `Launched`.
    Launch(Box<Launch>),
    /// Execute the container's program. Answer: `Started`.
    Start,
    /// Connect a client to the container's streams. Descriptor: the client's stream socket.
    /// Answer: `Ok`.
    Attach(Attach),
    /// Run another process in the container. Descriptor: the client's stream socket, if `attach`
    /// is given. Answer: `ExecStarted`.
    Exec(Box<Exec>),
    /// Send a signal. Answer: `Ok`.
    Signal {
        /// The exec process to signal; the container's first process if missing.
        exec: Option<String>,
        /// The signal's number.
        signal: i32,
    },
    /// Set a terminal's size. Answer: `Ok`.
    Resize {
        /// The exec process whose terminal it is; the container's own if missing.
        exec: Option<String>,
        /// Rows in characters.
        rows: u16,
        /// Columns in characters.
        columns: u16,
    },
    /// Close the container's standard input. Answer: `Ok`.
    CloseStdin,
    /// Tell all that a restarted daemon needs to know. Answer: `Status`.
    Status,
    /// Hand over duplicates of the descriptors kept for the daemon. Answer: `Kept`, with them.
    TakeKept,
    /// Keep more sockets that reserve published ports. Descriptors: the sockets. Answer: `Ok`.
    Keep,
    /// Let go of the sockets that reserve these ports. Answer: `Ok`.
    Release {
        /// Which.
        ports: Vec<HeldPort>,
    },
    /// Pass on what comes to these ports, whose sockets are kept. Answer: `Ok`.
    Relay {
        /// Which, and where to.
        relays: Vec<Relay>,
        /// Whether all others are no longer passed on.
        replace: bool,
    },
    /// The container's end is on record: the monitor may go. Answer: `Ok`.
    ExitSeen,
}

/// A port that a kept socket reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeldPort {
    /// The IP protocol's number.
    pub protocol: u8,
    /// The host's address.
    pub address: std::net::IpAddr,
    /// The port.
    pub port: u16,
}

/// A kept port whose packets are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Which.
    pub port: HeldPort,
    /// Where to: an address of the container.
    pub target: std::net::SocketAddr,
}

/// How a container is to be created.
///
/// Descriptors, in order: the detached root mount (if `root_mount`), the network namespace (if
/// `network`), then `reserved` sockets, `layers` mounts, and those of `mounts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The container's ID.
    pub id: String,
    /// Where [`CONFIG_FILE`] is and where [`SOCKET_FILE`] and [`EXIT_FILE`] are made.
    pub run_dir: PathBuf,
    /// The container's cgroup, as a path below each controller's root (`/gantry/<id>`).
    pub cgroup: String,
    /// Where output is logged.
    pub log: LogConfig,
    /// Whether standard input is open (Docker's `OpenStdin`); else it is empty.
    pub stdin: bool,
    /// Whether standard input is closed when the first client that writes to it has finished
    /// (Docker's `StdinOnce`).
    pub stdin_once: bool,
    /// Whether our own init runs as PID 1 and reaps.
    pub init: bool,
    /// Whether the root is a detached mount sent along; else it is `root.path` of the
    /// specification.
    pub root_mount: bool,
    /// Whether a network namespace to join is sent along.
    pub network: bool,
    /// How many sockets that reserve published ports are sent along; they are held open for the
    /// monitor's life.
    pub reserved: usize,
    /// How many layer mounts are sent along; they are held for a restarted daemon to take back.
    pub layers: usize,
    /// For which mounts of the specification, by their place in its list, a detached mount is sent
    /// along behind all else.
    #[serde(default)]
    pub mounts: Vec<usize>,
}

/// What becomes of a container's output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogConfig {
    /// Nothing is written.
    #[default]
    None,
    /// It is written to a file, which is rotated.
    File(LogFile),
}

/// Where and how output is logged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// The current file; older ones are `<path>.1` (the newest) and so on.
    pub path: PathBuf,
    /// Whether it holds records of the local format; else lines of JSON.
    pub records: bool,
    /// Attributes of every line.
    pub attrs: Vec<(String, String)>,
    /// Bytes after which a new file is begun; 0 never rotates.
    pub max_size: u64,
    /// How many files there are at most, the current one among them (at least 1).
    pub max_files: u32,
    /// Nanoseconds after which a line is too old to be kept; 0 keeps it.
    pub max_age: u64,
}

/// Which of a process's streams a client gets, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// Bytes from the client become standard input.
    pub stdin: bool,
    /// Standard output goes to the client.
    pub stdout: bool,
    /// Standard error goes to the client.
    pub stderr: bool,
    /// Output is framed with Docker's 8-byte headers; else the bytes go as they are (which is
    /// what clients of a terminal expect).
    pub framed: bool,
    /// The key sequence that detaches; empty: none. Only looked for on terminals.
    pub detach_keys: Vec<u8>,
    /// Bytes that were already read from the client.
    #[serde(with = "bytes")]
    pub leftover: Vec<u8>,
}

/// Another process to run in the container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exec {
    /// The exec's ID, chosen by the daemon.
    pub id: String,
    /// What to run; `terminal` and `console_size` say whether it gets a terminal.
    pub process: Process,
    /// Whether it runs without the container's system call filter (privileged exec).
    pub unconfined: bool,
    /// The client's streams; missing: output is dropped and input empty.
    pub attach: Option<Attach>,
}

/// A monitor's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Done.
    Ok,
    /// The container exists and waits for `Start`.
    Launched {
        /// Its first process, in the daemon's PID namespace.
        pid: u32,
        /// What was asked for and this machine does not have.
        #[serde(default)]
        warnings: Vec<String>,
    },
    /// The container runs.
    Started {
        /// Its first process.
        pid: u32,
        /// Unix time in nanoseconds.
        started_at: u64,
    },
    /// The exec process runs.
    ExecStarted {
        /// Its process.
        pid: u32,
    },
    /// Answer to `Status`.
    Status(Box<Status>),
    /// The kept descriptors are beside this message: `reserved` sockets, then `layers` mounts.
    Kept {
        /// How many sockets.
        reserved: usize,
        /// How many mounts.
        layers: usize,
    },
    /// It did not work.
    Failed(Failure),
}

/// Why something did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What sort of failure.
    pub kind: FailureKind,
    /// What to tell the user.
    pub message: String,
}

/// Sorts of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The program does not exist in the container (exit code 127).
    CommandNotFound,
    /// The program cannot be executed (exit code 126).
    CommandNotExecutable,
    /// The request or the specification is wrong.
    Invalid,
    /// The container (or exec) is not in a state that allows this.
    WrongState,
    /// No such exec.
    NoSuchExec,
    /// Anything else: the kernel refused.
    Internal,
}

/// What happens by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The container's first process has ended and its output is logged.
    Exited(Exit),
    /// An exec process has ended and its output is delivered.
    ExecExited {
        /// The exec's ID.
        id: String,
        /// Its exit code (128 + signal if it was killed).
        code: i32,
    },
    /// The kernel killed a process of the container for want of memory.
    OutOfMemory,
    /// The log goes on in a new file: the older ones can be compressed.
    LogRotated,
    /// A client is gone.
    Detached {
        /// The exec it was attached to; the container itself if missing.
        exec: Option<String>,
        /// Whether it went by the detach keys.
        by_keys: bool,
    },
}

/// How a container ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code as a shell would say it: 128 + signal if it was killed.
    pub code: i32,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether the kernel killed a process of it for want of memory.
    pub oom_killed: bool,
    /// Unix time in nanoseconds.
    pub finished_at: u64,
}

/// What [`EXIT_FILE`] holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// The container's ID.
    pub id: String,
    /// Its first process.
    pub pid: u32,
    /// Unix time in nanoseconds.
    pub started_at: u64,
    /// How it ended.
    #[serde(flatten)]
    pub exit: Exit,
}

/// All that a restarted daemon needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The container's ID.
    pub id: String,
    /// Its first process, in the monitor's PID namespace.
    pub pid: u32,
    /// Unix time in nanoseconds; missing before `Start`.
    pub started_at: Option<u64>,
    /// How the container ended, if it did.
    pub exit: Option<Exit>,
    /// Whether a process of it was killed for want of memory.
    pub oom_killed: bool,
    /// Exec processes: those that run and the last of those that have ended.
    pub execs: Vec<ExecStatus>,
    /// Lines of output that could not be logged.
    pub lost_lines: u64,
}

/// One exec of [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecStatus {
    /// The exec's ID.
    pub id: String,
    /// Its process.
    pub pid: u32,
    /// Its exit code, if it has ended.
    pub code: Option<i32>,
}
