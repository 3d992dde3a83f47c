//! What becomes of containers' output: their log drivers, and the care for the files that monitors
//! write.

mod config;
mod forward;
mod keep;

pub use config::check_log_defaults;
pub(crate) use config::{check, log_of};
pub(crate) use forward::Forwards;
pub(crate) use keep::keep_log;
