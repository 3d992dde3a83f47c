//! Which build of the program this is.

use std::os::unix::fs::MetadataExt;

/// The header in which a daemon tells its build on `/_ping`.
pub const BUILD_HEADER: &str = "gantry-build";
/// The header with which a daemon says on `/_ping` that a command line started it.
pub const AUTOSTARTED_HEADER: &str = "gantry-autostarted";

/// Tells builds of this program apart: its version with its file's size and time. A daemon asks
/// once, at its start; the file may be replaced later.
pub fn build_id() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match std::fs::metadata("/proc/self/exe") {
        Ok(file) => format!(
            "{version}-{:x}-{:x}{:08x}",
            file.size(),
            file.mtime(),
            file.mtime_nsec()
        ),
        Err(_) => version.to_owned(),
    }
}
