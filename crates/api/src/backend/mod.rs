//! What the routers need of an engine: a narrow trait per group.
//!
//! The routers are written against these, so that they can be tested with stand-ins and know
//! nothing of how the work is done; `engine` implements them for the real services. Operations
//! that no engine has yet are provided methods that say so.

mod build;
mod build_cache;
mod builder;
mod buildkit;
mod containers;
mod engine;
mod engine_images;
mod engine_secrets;
mod engine_volumes;
mod execs;
mod images;
mod networks;
mod secrets;
mod system;
mod volumes;

pub use build::{Build, BuildQuery, NoBuilder, PruneQuery};
pub use containers::{
    ArchiveWrite, AttachQuery, CommitQuery, Containers, ListQuery, LogQuery, Logs, RemoveQuery,
    WaitCondition,
};
pub use execs::Execs;
pub use images::{ImageListQuery, Images, ImportRequest, PullRequest, PushRequest};
pub use networks::Networks;
pub use secrets::Secrets;
pub use system::System;
pub use volumes::Volumes;

use crate::failure::Failure;

/// What a backend's operation gives.
pub type Answer<T> = Result<T, Failure>;

/// All groups; one type that serves the whole API.
pub trait Backend: Containers + Execs + Images + Networks + Secrets + System + Volumes {}

impl<T: Containers + Execs + Images + Networks + Secrets + System + Volumes> Backend for T {}

/// The answer of an operation that is not there yet.
fn not_built<T: Send>(what: &str) -> std::future::Ready<Answer<T>> {
    std::future::ready(Err(Failure::not_built(what)))
}
