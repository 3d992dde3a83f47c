//! What must hold when things die at the wrong moment, when there are many, and when clients do
//! not behave. The figures in docs/reliability.md come from the long forms, which are ignored
//! unless asked for.

mod bad_clients;
mod crowd;
mod storm;
