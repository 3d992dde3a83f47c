//! The runtime program inside our own binary, executed from a sealed memfd.
//!
//! A memfd is quick to execute and holds nothing that a container could overwrite
//! (CVE-2019-5736). Where the kernel forbids executing one (`vm.memfd_noexec=2`), a read-only file
//! under the run root takes its place.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::process::{Child, Command};

use crate::Error;

/// The runtime, ready to be executed.
#[derive(Debug)]
pub(crate) struct RuntimeProgram {
    path: PathBuf,
    _memfd: Option<OwnedFd>,
}

impl RuntimeProgram {
    /// Makes the program executable, as a memfd or as a file below `run_root`.
    pub(crate) fn install(bytes: &[u8], run_root: &Path) -> Result<Self, Error> {
        match gantry_sys::memfd::sealed_program("gantry-runtime", bytes) {
            Ok(memfd) => Ok(Self {
                path: PathBuf::from(format!("/proc/self/fd/{}", memfd.as_raw_fd())),
                _memfd: Some(memfd),
            }),
            Err(e) => {
                tracing::info!("cannot execute from a memfd ({e}); using a file in the run root");
                let path = run_root.join("gantry-runtime");
                plain_file(bytes, &path).map_err(Error::file("write", &path))?;
                Ok(Self { path, _memfd: None })
            }
        }
    }

    /// Starts a monitor; returns it and our end of the socket that is its standard input.
    ///
    /// The child's own `/proc/self/fd` still has the memfd when it is executed, although it is
    /// close-on-exec. No fork of this process happens: std uses posix_spawn(3) here.
    pub(crate) fn spawn_monitor(&self, log: &Path) -> Result<(Child, OwnedFd), Error> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(|e| Error::Internal(format!("cannot make a socket pair: {e}")))?;
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(log)
            .map_err(Error::file("open", log))?;
        let errors = output.try_clone().map_err(Error::file("duplicate", log))?;
        let child = Command::new(&self.path)
            .arg0("gantry-runtime")
            .arg("monitor")
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(Error::file("execute", &self.path))?;
        Ok((child, ours))
    }
}

fn plain_file(bytes: &[u8], path: &Path) -> std::io::Result<()> {
    let beside = path.with_extension("tmp");
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(&beside)?;
    file.write_all(bytes)?;
    fs::rename(beside, path)
}
