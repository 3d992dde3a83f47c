//! Named and anonymous volumes of the `local` driver: directories that outlive containers.
//!
//! A volume is a folder `<data>/volumes/<name>` with its data in `_data` and a `volume.json` beside
//! it. [`Volumes`] makes, finds, lists, renames and removes them, fills an empty one with what an
//! image has at the mount point ([`Volumes::fill`]), mounts what driver options ask for
//! ([`Volumes::mount`]) and makes copies ([`Volumes::duplicate`], [`Volumes::restore`]).
//!
//! # What a crash leaves
//!
//! Names beginning with a dot are never volumes. A new volume, a copy or an import is made whole in
//! `.new-<random>` and then renamed to its name, in one step that fails if the name is taken. A
//! removed one is renamed to `.gone-<random>` and then deleted. Copy-up goes to `.filling` inside
//! the volume's folder, which is renamed to `.filled` when it is whole, and only then moved into
//! the volume, entry by entry. [`Volumes::open`] finishes what was cut short. So a volume exists
//! whole or not at all, whenever the daemon is killed.
//!
//! Who uses a volume is the engine's knowledge: what must not happen to a volume in use takes the
//! users as an argument. Nothing here knows containers or the API.

#![forbid(unsafe_code)]

mod copy;
mod driver_mount;
mod error;
mod fill;
mod fresh;
mod locks;
mod name;
mod options;
mod quota;
mod remove;
mod store;
mod usage;

pub use error::{Error, Kind};
pub use fresh::Fresh;
pub use name::VolumeName;
pub use options::Options;
pub use store::{Made, NewVolume, Volume, Volumes};
