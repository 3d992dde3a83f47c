//! Images from Dockerfiles.

mod classic;
mod refused;
