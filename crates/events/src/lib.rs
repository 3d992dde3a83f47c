//! What happened: the engine's events, live and of the recent past.
//!
//! [`Events`] is the bus. The engine's services publish to it; [`Events::subscribe`] gives a
//! [`Subscription`] that first replays what a [`Query`] asks of the past, then follows. Nothing is
//! lost or doubled between the two.
//!
//! The crate knows the events' shape (`gantry_api_types::Event`) and Docker's filters, nothing of
//! what the events are about, and keeps them in memory only: the last 256, as Docker does.
#![forbid(unsafe_code)]

mod bus;
mod clock;
mod filter;

pub use bus::{Events, Query, Subscription};
pub use clock::Instant;
