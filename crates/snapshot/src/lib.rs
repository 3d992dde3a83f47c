//! Image layers on disk and the root file systems made from them.
//!
//! A layer is an uncompressed tar known by its digest (the *diff ID* of the OCI image
//! specification). [`Snapshotter::ingest`] takes the tar as it streams in, checks the digest and
//! keeps the layer; [`Snapshotter::prepare`] and [`Snapshotter::mount`] make a container's
//! writable root of a list of layers with the kernel's overlay file system.
//!
//! Two implementations pass one contract suite (`src/contract`):
//!
//! * `erofs` keeps the tar as it came and writes an EROFS metadata image beside
//!   it whose file data are extents inside that tar. The kernel mounts the pair; no file of the
//!   layer is ever unpacked. One mount per layer serves all containers, so that the page cache
//!   holds each library once. Needs Linux 6.12.
//! * `overlay` unpacks each layer into a directory. Works on every kernel.
//!
//! Both read the tar through one parser (the [`tar`] module) into one in-memory [`tree`], where
//! names are resolved, whiteouts and hard links are applied, and hostile names are tamed before
//! anything reaches the kernel: there is one place that decides what a layer means.
//!
//! Overlay mounts are made detached (`fsopen`, `fsmount`) and handed out as file descriptors: the
//! host's mount table stays as it was and a crash leaves nothing behind.
//!
//! This crate knows no registries, no image configurations and no containers beyond a key; it is
//! blocking and knows no async runtime.
//!
//! Specifications followed: the OCI image layer specification (whiteouts), POSIX.1-2001 pax and
//! GNU tar (as `archive/tar` of Go reads them, since that is what wrote most layers), the EROFS
//! on-disk format (`Documentation/filesystems/erofs.rst`, `fs/erofs/erofs_fs.h`).

#![forbid(unsafe_code)]

mod changes;
#[cfg(test)]
mod contract;
mod descent;
mod dirs;
pub mod erofs;
mod error;
mod housekeeping;
mod intake;
mod layers;
mod mounting;
mod pack;
mod quota;
mod skeleton;
mod snapshots;
mod snapshotter;
mod store;
pub mod tar;
pub mod tree;
mod unpack;
mod upper;
mod usage;

pub use changes::{Change, ChangeKind};
pub use error::{Error, Kind};
pub use snapshotter::{LayerInfo, Mounted, Snapshotter, Usage, open};
pub use usage::size_of_tree;
