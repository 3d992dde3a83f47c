//! The monitor as the daemon meets it: the real program, real containers of busybox, and the
//! protocol between them. Needs root, and `/bin/busybox` as Debian's busybox-static has it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests"
)]

mod container;
mod cost;
mod daemon;
mod execs;
mod limits;
mod links;
mod lives;
mod logs;
mod streams;
