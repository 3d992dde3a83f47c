//! Making mounts that nobody else sees.
//!
//! A mount made with `fsopen` and `fsmount` is *detached*: it has no place in any mount namespace
//! and lives as long as a descriptor of it, or whatever it is attached to later. That is what the
//! rest of the crate hands out. Kernels differ in what they stack on what; [`Way`] names the
//! differences and [`Mounter`] finds the best one by trying, once:
//!
//! | Linux | layers named by | detached EROFS layers |
//! |---|---|---|
//! | 6.15 and later | descriptor | taken as they are |
//! | 6.13, 6.14 | descriptor | must be attached first |
//! | 6.8 to 6.12 | `lowerdir+` and a path | must be attached first |
//! | before 6.8 | one string of paths, through mount(2) | - |
//!
//! What must be attached first (and mount(2), which knows no detached mounts) happens in the
//! [`annex`], a thread in a mount namespace of its own, so that the host's mount table stays as
//! it was and the kernel cleans up when the process ends.

mod annex;
mod context;
mod layer;
mod mounter;
mod overlay;

pub(crate) use context::MountFailure;
pub(crate) use layer::{LayerFiles, mount_layer, mounted_volume, volume_id};
pub(crate) use mounter::{Method, Mounter};
#[cfg(test)]
pub(crate) use overlay::Way;
pub(crate) use overlay::{Lower, MAX_LAYERS, Stack, Upper};
