//! What bad input gets: a clear error, the right code, and nothing half made.

mod archives;
mod bodies;
mod disk;
mod names;
mod rights;
mod wire;
