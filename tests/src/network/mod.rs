//! Networks that users make: names, isolation, connecting while containers run.

mod dns;
mod matrix;
mod named;
mod neighbours;
mod restart;
mod scale;
