//! Limits do what they say.

mod cpu;
mod crowd;
mod memory;
mod pids;
