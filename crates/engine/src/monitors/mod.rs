//! The daemon's end of the per-container monitors: starting them and speaking with them.

mod link;
mod program;

pub(crate) use link::{LinkEvent, MonitorLink};
pub(crate) use program::RuntimeProgram;
