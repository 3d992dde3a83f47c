//! Networks on the real kernel. Each test has a network namespace of its own as its host, so
//! nothing touches the machine's, and its end is the clean-up. Needs root.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic"
)]

mod admission;
mod children;
mod cost;
mod endpoints;
mod faults;
mod gateways;
mod host;
mod leftovers;
mod lifetime;
mod named;
mod neighbours;
mod publishing;
