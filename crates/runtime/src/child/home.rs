//! HOME from the container's /etc/passwd, read without allocating.

use std::ffi::CStr;
use std::io::Write as _;

use gantry_sys::Errno;
use rustix::fs::{CWD, FileType, Mode, OFlags};

use crate::plan::ProcessPlan;

/// `HOME=...`, as long as a path may be.
pub(super) struct Home([u8; 4096]);

impl Home {
    /// As an entry of the environment.
    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"HOME=/")
    }

    fn new(directory: &[u8]) -> Self {
        let mut home = Self([0; 4096]);
        let mut rest = &mut home.0[..4095];
        let fits = rest
            .write_all(b"HOME=")
            .and_then(|()| rest.write_all(directory));
        if fits.is_err() || directory.is_empty() {
            home = Self([0; 4096]);
            home.0[..6].copy_from_slice(b"HOME=/");
        }
        home
    }
}

/// The home directory of the plan's user, if the environment names none. As in Docker it is `/`
/// for a user whom the container does not know.
pub(super) fn find(plan: &ProcessPlan) -> Option<Home> {
    if !plan.needs_home {
        return None;
    }
    let mut found = None;
    let _ = each_line(|line| {
        found = directory(line, plan.uid.as_raw()).map(Home::new);
        found.is_some()
    });
    Some(found.unwrap_or_else(|| Home::new(b"/")))
}

/// The sixth field of a line of passwd(5), if the third is the user.
fn directory(line: &[u8], uid: u32) -> Option<&[u8]> {
    let mut fields = line.split(|b| *b == b':');
    let number = std::str::from_utf8(fields.nth(2)?).ok()?;
    (number.parse() == Ok(uid)).then_some(())?;
    fields.nth(2)
}

/// Calls `stop` with each line until it says so. Lines above 4 KiB are passed over.
fn each_line(mut stop: impl FnMut(&[u8]) -> bool) -> Result<(), Errno> {
    // A FIFO must not hold us up.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::openat(CWD, c"/etc/passwd", flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let mut buffer = [0u8; 4096];
    let (mut held, mut skipping) = (0, false);
    loop {
        let read = rustix::io::read(&file, &mut buffer[held..])?;
        let end = held + read;
        let mut start = 0;
        while let Some(at) = buffer[start..end].iter().position(|b| *b == b'\n') {
            if !skipping && stop(&buffer[start..start + at]) {
                return Ok(());
            }
            skipping = false;
            start += at + 1;
        }
        if read == 0 {
            if !skipping {
                stop(&buffer[start..end]);
            }
            return Ok(());
        }
        buffer.copy_within(start..end, 0);
        held = end - start;
        if held == buffer.len() {
            (held, skipping) = (0, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_the_sixth_field() {
        let line = b"www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin";
        assert_eq!(directory(line, 33), Some(&b"/var/www"[..]));
        assert_eq!(directory(line, 3), None);
        assert_eq!(directory(b"", 0), None);
        assert_eq!(directory(b"broken:x:33", 33), None);
        assert_eq!(Home::new(b"/root").as_c_str(), c"HOME=/root");
        assert_eq!(Home::new(b"").as_c_str(), c"HOME=/");
        assert_eq!(Home::new(&[b'x'; 5000]).as_c_str(), c"HOME=/");
    }

    #[test]
    fn this_machine_knows_root() {
        let mut found = false;
        each_line(|line| {
            found = directory(line, 0) == Some(b"/root");
            found
        })
        .unwrap();
        assert!(found);
    }
}
