//! What tests stand on: worlds, daemons, commands.

mod daemon;
mod output;
mod registry;
mod world;

pub(crate) use daemon::Daemon;
pub(crate) use output::Run;
pub(crate) use world::{World, eventually, gantry_binary};
