//! Networks that users make: names, isolation, connecting while containers run.

mod dns;
mod edges;
mod families;
mod live_docker;
mod matrix;
mod named;
mod neighbours;
mod refused;
mod restart;
mod scale;
