//! Folders of clients.
//!
//! [`kept`] has them brought over and keeps them, so that next time only what changed travels; [`files`] is one that a
//! build may need; [`sources`] finds the Dockerfile and its ignore file in one.

mod files;
mod kept;
mod line;
mod sources;

pub(crate) use files::LocalFiles;
pub(crate) use kept::{Kept, Locals};
pub(crate) use sources::{Sources, uploaded};
