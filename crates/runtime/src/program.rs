//! The running program as a file that containers may see.

use std::os::fd::OwnedFd;

use gantry_sys::memfd;
use rustix::fs::{CWD, Mode, OFlags};

use crate::Result;
use crate::launch::step;
use crate::plan::is_protected;

/// Opens the running program for [`crate::Launch::init`].
///
/// A container could overwrite the host's file through `/proc/1/exe` (CVE-2019-5736); so what is
/// returned is a sealed memfd or lies on a read-only mount. If the running program is neither, a
/// sealed copy is made.
pub fn own_program() -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let program = rustix::fs::openat(CWD, c"/proc/self/exe", flags, Mode::empty())
        .map_err(|e| step("open /proc/self/exe", e))?;
    if is_protected(&program) {
        return Ok(program);
    }
    memfd::sealed_copy("gantry-runtime", &program).map_err(|e| step("copy the own program", e))
}
