//! The per-container process: parent of the container's first process, keeper of its streams.
//!
//! The daemon starts one monitor per container (`gantry-runtime monitor`) with one end of a
//! `SOCK_SEQPACKET` socket pair as descriptor 0 and speaks [`protocol`] over it. The monitor makes
//! the container's cgroup, creates and starts the container through the runtime library, writes
//! its output to a log file and to attached clients, feeds it standard input, runs further
//! processes in it, notices out-of-memory kills, and when the container ends writes `exit.json`,
//! tells the daemon and ends itself.
//!
//! It outlives the daemon: when the link breaks everything goes on, and a restarted daemon finds
//! the monitor again at `monitor.sock` in the container's run directory.
//!
//! The monitor is one thread around epoll, without an async runtime, and small, because there is
//! one per container. It knows nothing of images, networks, names or restart policies.

#![forbid(unsafe_code)]

pub mod protocol;
