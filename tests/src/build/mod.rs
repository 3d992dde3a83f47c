//! Images from Dockerfiles.

mod buildkit;
mod classic;
mod corpus;
mod refused;
mod usage;
