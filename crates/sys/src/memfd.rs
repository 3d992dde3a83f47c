//! Programs in memory: executable, sealed memfds (memfd_create(2), fcntl(2) "File sealing").

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};

use crate::{Errno, Result};

/// Nothing can change such a file any more, nor the seals.
const SEALED: SealFlags = SealFlags::SEAL
    .union(SealFlags::SHRINK)
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// A sealed memfd with `contents`, executable, close-on-exec.
///
/// `EACCES` under `vm.memfd_noexec=2`: then run the program from a read-only file.
pub fn sealed_program(name: &str, contents: &[u8]) -> Result<OwnedFd> {
    let file = create(name)?;
    let mut rest = contents;
    while !rest.is_empty() {
        match rustix::io::write(&file, rest) {
            Ok(n) => rest = &rest[n..],
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    seal(&file)?;
    Ok(file)
}

/// A sealed copy of a file, as [`sealed_program`].
pub fn sealed_copy(name: &str, source: impl AsFd) -> Result<OwnedFd> {
    let file = create(name)?;
    let mut offset = 0;
    while rustix::fs::sendfile(&file, &source, Some(&mut offset), 1 << 30)? > 0 {}
    seal(&file)?;
    Ok(file)
}

/// Whether a file is a memfd that nothing can change.
pub fn is_sealed(file: impl AsFd) -> bool {
    rustix::fs::fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SEALED))
}

/// `MFD_EXEC` is refused before 6.3, where it was the default.
fn create(name: &str) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags),
        other => other,
    }
}

fn seal(file: &OwnedFd) -> Result<()> {
    rustix::fs::fcntl_add_seals(file, SEALED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_sealed_program_runs_and_cannot_be_written() {
        let this = std::fs::File::open("/bin/true").unwrap();
        let copy = sealed_copy("true", &this).unwrap();
        assert!(is_sealed(&copy) && !is_sealed(&this));
        assert_eq!(rustix::io::write(&copy, b"x").unwrap_err(), Errno::PERM);
        let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
        assert!(std::process::Command::new(path).status().unwrap().success());
    }

    #[test]
    fn contents_arrive() {
        let file = sealed_program("text", b"some bytes").unwrap();
        let mut buffer = [0; 32];
        let n = rustix::io::pread(&file, &mut buffer, 0).unwrap();
        assert_eq!(&buffer[..n], b"some bytes");
    }
}
