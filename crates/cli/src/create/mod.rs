//! What the options of `run` and `create` mean: a body of `POST /containers/create`.
//!
//! [`ContainerFlags`] is what was typed, [`request`] turns it into the body. Every option reaches the
//! body; what an engine cannot do, the engine refuses.

mod api_socket;
mod body;
mod files;
mod flags;
mod grammar;
mod health;
mod host;
mod mounts;
mod network;
mod secrets;
mod security;

pub(crate) use api_socket::ClientConfig;
pub(crate) use body::{Environment, Request, pairs, request};
pub(crate) use files::{open_error, read_lines};
pub(crate) use flags::ContainerFlags;
pub(crate) use grammar::{Environ, Labels, Mounts};
pub(crate) use host::restart_policy;
pub(crate) use mounts::mount;
pub(crate) use network::published;

#[cfg(test)]
mod tests;
