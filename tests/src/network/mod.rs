//! Networks that users make: names, isolation, connecting while containers run.

mod families;
mod named;
mod refused;
mod restart;
