//! What tests stand on: worlds, daemons, commands.

pub(crate) mod archives;
mod client;
mod daemon;
mod output;
mod registry;
mod world;

pub(crate) use client::{Client, through_both};
pub(crate) use daemon::Daemon;
pub(crate) use output::Run;
pub(crate) use registry::ADDRESS as REGISTRY_ADDRESS;
pub(crate) use world::{PATIENCE, World, eventually, gantry_binary};
