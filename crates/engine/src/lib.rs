//! The use cases of a container engine: what the API's operations mean.
//!
//! Each noun has a service of its own with its own state: [`Containers`] (with their execs),
//! [`Images`], [`Networking`], [`VolumeService`], [`System`]. [`Engine`] opens the stores below
//! them, wires them and takes over what an earlier daemon left running ([`Engine::open`]).
//!
//! A container's life is one enum with one transition function (`containers/phase.rs`). A running
//! container belongs to its monitor, a process of its own, not to this one: `containers/start.rs`
//! tells how it comes to be, `containers/exit.rs` how it ends, `containers/restore.rs` how a new
//! daemon finds it again.
//!
//! The services speak in the API's bodies ([`gantry_api_types`]) and know nothing of HTTP, of
//! terminals or of the command line. Errors carry a [`Kind`] which the API maps to status codes.

#![forbid(unsafe_code)]

mod apparmor;
mod archive;
mod cdi;
mod clock;
mod containers;
mod disk_usage;
mod engine;
mod error;
mod etc;
mod execs;
mod files;
mod health;
mod ids;
pub mod images;
mod inside;
mod kind;
mod logging;
mod logs;
mod monitors;
mod networking;
mod secrets;
mod settings;
mod spec;
mod stats;
mod system;
mod top;
mod volumes;

pub use archive::{ArchiveChunks, UnpackOptions, stream_of as archive_of, unpack_into};
pub use containers::{
    AttachRequest, ClientStream, CommitRequest, Containers, Lent, ListOptions, RemoveOptions,
    WaitCondition,
};
pub use engine::{Engine, Hello};
pub use error::Error;
pub use gantry_events::{Events, Instant, Query, Subscription};
pub use gantry_registry_client::Proxies;
pub use images::{
    Images, ImportRequest, LoadRequest, PullRequest, PushRequest, Report, SearchQuery,
};
pub use kind::Kind;
pub use logging::check_log_defaults;
pub use logs::{LogChunks, LogOptions};
pub use networking::Networking;
pub use secrets::Secrets;
pub use settings::{Live, Realtime, Settings};
pub use spec::has_realtime_groups;
pub use stats::StatsOptions;
pub use system::System;
pub use volumes::VolumeService;
