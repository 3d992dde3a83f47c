//! The Engine API's bodies, version 1.51: what goes over the wire, and nothing else.
//!
//! A file per group of the API (containers, exec, images, system, ...). Every type is declared
//! through the `body!` macro of [`json`], which gives it the JSON habits of Docker's own
//! encoder and decoder, because clients depend on them:
//!
//! * a Go slice or map that was never set is `null`, an empty one is `[]` or `{}`; here they are
//!   `Option<Vec<_>>` and `Option<BTreeMap<_, _>>`, so that what a client gave comes back in
//!   `inspect` as it was given;
//! * `omitempty` fields vanish when empty, all others are always there;
//! * maps are sorted by key, struct fields keep Docker's order;
//! * reading takes `null` for "not given", ignores unknown keys and does not mind the case of
//!   keys; a wrong type names the field.
//!
//! Durations are integers in nanoseconds, sizes integers in bytes, times strings in RFC 3339 or
//! integers in Unix seconds, as the API has them. What a string means (`NetworkMode`, port
//! keys, mount modes) is not decided here: see the `units` crate.
//!
//! Bodies of older API versions are made from these by the `api` crate.
//!
//! Reference: Docker's API v1.51 (`api/swagger.yaml` in moby 28.3 and later).
#![forbid(unsafe_code)]

pub mod json;

mod auth;
mod change;
mod config;
mod container;
mod event;
mod exec;
mod filters;
mod host_config;
mod image;
mod image_inspect;
mod message;
mod mount;
mod network;
mod prune;
mod secret;
mod stats;
mod system;
mod version;
mod volume;

pub use auth::*;
pub use change::*;
pub use config::*;
pub use container::*;
pub use event::*;
pub use exec::*;
pub use filters::*;
pub use host_config::*;
pub use image::*;
pub use image_inspect::*;
pub use message::*;
pub use mount::*;
pub use network::*;
pub use prune::*;
pub use secret::*;
pub use stats::*;
pub use system::*;
pub use version::*;
pub use volume::*;

/// The newest Engine API version that these bodies describe.
pub const API_VERSION: &str = "1.51";

/// The oldest Engine API version that is still served.
pub const MIN_API_VERSION: &str = "1.24";

/// The time that Docker prints for "never": Go's zero `time.Time`.
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";
