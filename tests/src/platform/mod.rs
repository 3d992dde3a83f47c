//! The daemon as a program: its configuration, sockets, signals, secrets; and the command line's own
//! matters: contexts, plugins, completion, help.

mod cli;
mod config;
mod keys;
mod listeners;
mod reload;
mod secrets;
