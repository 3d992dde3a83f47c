//! This program must not be what a container can reach and overwrite (CVE-2019-5736).

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use gantry_sys::process::{ExecStrings, fexecve};

use crate::{Error, Result};

/// Goes on as a copy in memory that nothing can change, if this program is a file that could be
/// written. Processes inside a container see the program of whoever made them as `/proc/PID/exe`
/// until they execute their own.
pub(crate) fn from_memory() -> Result<()> {
    let program = gantry_runtime::own_program()?;
    let same =
        |a: rustix::fs::Stat, b: rustix::fs::Stat| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino);
    let running =
        rustix::fs::stat("/proc/self/exe").map_err(Error::kernel("look at own program"))?;
    let copy = rustix::fs::fstat(&program).map_err(Error::kernel("look at own program"))?;
    if same(running, copy) {
        return Ok(());
    }
    let strings = |words: Vec<Vec<u8>>| {
        let words = words.into_iter().filter_map(|word| CString::new(word).ok());
        ExecStrings::new(words.collect())
    };
    let arguments = std::env::args_os().map(|word| word.as_bytes().to_vec());
    let environment =
        std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let errno = fexecve(
        &program,
        &strings(arguments.collect()),
        &strings(environment.collect()),
    );
    Err(Error::kernel("execute the own program from memory")(errno))
}
