//! Containers from a real root (busybox), launched for real. Needs root and busybox-static.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod basics;
mod commands;
mod devices;
mod exec;
mod fixture;
mod hooks;
mod init;
mod isolation;
mod kernel;
mod limits;
mod mounts;
mod namespaces;
mod protection;
mod terminal;
mod user;
