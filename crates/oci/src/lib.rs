//! The OCI runtime specification's `config.json` and the image configuration, as Rust types.
//!
//! [`Spec`] follows runtime-spec 1.2 (`config.md`, `config-linux.md`); [`ImageConfig`] follows the
//! OCI image-spec with the fields that Docker adds to it (Healthcheck, OnBuild, Shell). Keys that
//! these types do not name are kept in the image configuration, because an image's ID is the
//! digest of the bytes, and refused nowhere: both specifications tell readers to ignore what they
//! do not know.
//!
//! This crate is plain data. It knows no kernel, no files and no defaults of the engine; it is
//! small on purpose, since the per-container monitor carries it.

mod image;
mod linux;
mod process;
mod spec;
mod state;

pub use image::*;
pub use linux::*;
pub use process::*;
pub use spec::*;
pub use state::*;
