//! Logs: drivers, collectors, rotation, following, faults.

mod collector;
mod drivers;
mod faults;
mod forwarding;
mod reading;
mod websocket;
