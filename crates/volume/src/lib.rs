//! Named and anonymous volumes of the `local` driver: directories that outlive containers.
//!
//! A volume is a folder `<data>/volumes/<name>/_data` with a `volume.json` beside it. [`Volumes`]
//! makes, finds, lists and removes them and fills an empty one with what an image has at the
//! mount point ([`Volumes::fill`]). Who uses a volume is the engine's knowledge: removal takes the
//! users as an argument. Nothing here knows containers, mounts or the API.

#![forbid(unsafe_code)]

mod copy;
mod error;
mod name;
mod store;

pub use error::{Error, Kind};
pub use name::VolumeName;
pub use store::{Volume, Volumes};
