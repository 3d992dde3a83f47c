//! The daemon's own life: killed, stopped, started by a command, and gone without a trace.

mod autostart;
mod gone;
mod killed;
mod resolved;
mod traces;
