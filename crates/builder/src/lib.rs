//! Images built from Dockerfiles.
//!
//! [`Builder::build`] is the story: the file is parsed (`gantry_dockerfile`), its stage graph worked out, the stages that
//! the target needs are built, independent ones at the same time, and the last one becomes an image.
//!
//! - A stage is a [`stage::Stage`]: the layers so far, the configuration, the variables. Instructions without files only
//!   change the configuration; the others make one layer each, written once, straight into the image store.
//! - COPY and ADD make a layer without a container: `files` selects sources, finds out where the destination really is
//!   in the layers below, and writes an archive.
//! - RUN is a container of the engine on the layers so far; what it wrote becomes the layer.
//! - The key of a layer (`cache`) is what it is made from: the layers below and all that the instruction says or reads,
//!   contents and permissions of files, not their times. Equal keys give the layer that is there.
//! - [`operations`] carries out graphs that other frontends made, on the same cache; what either comes to is a
//!   [`Filesystem`] that can be looked into.
//!
//! The builder knows no HTTP and no command line: a [`Context`] brings the files, a [`Report`] takes the progress. Paths of
//! contexts and images are resolved by the kernel within their root (openat2), never by joining strings.
//!
//! Reference: <https://docs.docker.com/reference/dockerfile/>, and the behaviour of BuildKit 0.32.
#![forbid(unsafe_code)]

mod agent;
mod archives;
mod asker;
mod base;
mod build;
mod builder;
mod cache;
mod cache_mounts;
mod call;
mod carry;
mod configure;
mod context;
mod copy;
mod devices;
mod digests;
mod error;
mod export;
mod fetch;
mod files;
mod filesystem;
mod history;
mod layout;
mod mounts;
mod named;
pub mod operations;
mod progress;
mod prune;
mod remote;
mod request;
mod run;
mod settings;
mod share;
mod stage;
mod step;
mod steps;
mod stubs;
mod trees;

pub use asker::{Asker, Duplex};
pub use build::{Built, is_own_frontend};
pub use builder::Builder;
pub use carry::{CacheArchive, CacheMount};
pub use context::{Context, Definition, Files};
pub use digests::Digests;
pub use error::{Error, Kind};
pub use export::{Compression, Export, ExportKind, PROVENANCE};
pub use filesystem::{Entry, Filesystem};
pub use gantry_dockerfile::excerpt;
pub use progress::{Event, Report, Step, StepId, Told, Warning};
pub use prune::{CacheRecord, PruneOptions, Pruned};
pub use request::{CacheStore, Call, DebugShell, Entitlement, NamedContext, Request};
pub use settings::{Settings, Space, default_gc};
