//! Health checks: a command that is run in the container again and again, and what follows from it.
//!
//! [`Check`] is what was asked for, with Docker's defaults; [`Health`] is what was found, a part of
//! the container's record, so that it survives the daemon. `watch` runs the checks of one container
//! for as long as it runs; `probe` runs one.

mod check;
mod probe;
mod state;
mod watch;

pub(crate) use check::{Check, inherit, validate};
pub(crate) use state::{Health, Status};
