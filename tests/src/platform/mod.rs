//! The daemon as a program: its configuration, sockets, signals, secrets; and the command line's own
//! matters: contexts, plugins, completion, help.

mod certificates;
mod cli;
mod config;
mod contexts;
mod keys;
mod listeners;
mod masquerade;
mod proxies;
mod reload;
mod secrets;
mod uploads;
