//! Tests of the whole: the real daemon, driven by our command line and by the stock clients, on
//! real images and real kernels.
//!
//! Every test makes a [`harness::World`] of its own: PID, network and mount namespaces, a data root,
//! a socket and a cgroup parent. When its first process is killed, everything in it dies too; that
//! is the clean-up, also after a failure.
//!
//! The binary under test is `$GANTRY`, or the release build of this checkout.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what went wrong by failing"
)]

mod application;
mod build;
mod cli;
mod clients;
mod compat;
mod daemon;
mod faults;
mod flags;
mod harness;
mod images;
mod limits;
mod logs;
mod network;
mod ops;
mod platform;
mod reliability;
mod security;
mod structure;
mod volumes;
