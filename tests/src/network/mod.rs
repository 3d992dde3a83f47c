//! Networks that users make: names, isolation, connecting while containers run.

mod named;
mod restart;
