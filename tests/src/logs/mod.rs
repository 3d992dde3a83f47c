//! Logs: drivers, collectors, rotation, following, faults.

mod attaching;
mod collector;
mod drivers;
mod faults;
mod forwarding;
mod reading;
mod real;
mod websocket;
