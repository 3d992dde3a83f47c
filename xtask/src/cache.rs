//! Where things live that are slow to make and the same for every checkout on a machine.

use std::path::PathBuf;

/// `$GANTRY_CACHE`, or `/var/cache/gantry-dev`.
pub(crate) fn dir() -> PathBuf {
    std::env::var_os("GANTRY_CACHE").map_or_else(|| "/var/cache/gantry-dev".into(), PathBuf::from)
}
