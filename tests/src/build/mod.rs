//! Images from Dockerfiles.

mod buildkit;
mod classic;
mod refused;
mod usage;
