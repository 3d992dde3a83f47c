//! Containers from a real root (busybox), launched for real. Needs root and busybox-static.

mod basics;
mod commands;
mod devices;
mod exec;
mod fixture;
mod init;
mod isolation;
mod limits;
mod mounts;
mod namespaces;
mod protection;
mod terminal;
mod user;
