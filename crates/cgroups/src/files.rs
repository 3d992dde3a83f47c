//! Reading and writing a group's files.

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, Result, Warning};

/// A group's directory in one hierarchy.
#[derive(Debug, Clone)]
pub(crate) struct Dir(PathBuf);

/// What came of a write that may meet an older kernel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// It is set.
    Yes,
    /// This kernel has no such file, or has it and cannot do it.
    Unsupported,
}

impl Dir {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        rustix::fs::access(self.0.join(file), rustix::fs::Access::EXISTS).is_ok()
    }

    /// Writes a value in one write(2), as the kernel's cgroup files want it.
    pub(crate) fn write(&self, file: &str, value: &str) -> Result<()> {
        self.try_write(file, value)
            .map_err(|errno| self.write_error(file, value, errno))
    }

    /// Writes a value; a missing file or feature is no error.
    pub(crate) fn write_supported(&self, file: &str, value: &str) -> Result<Wrote> {
        match self.try_write(file, value) {
            Ok(()) => Ok(Wrote::Yes),
            Err(Errno::NOENT | Errno::OPNOTSUPP) => Ok(Wrote::Unsupported),
            Err(errno) => Err(self.write_error(file, value, errno)),
        }
    }

    /// Writes a limit, or notes that this kernel cannot have it.
    pub(crate) fn limit(
        &self,
        file: &str,
        value: &str,
        limit: &'static str,
        warnings: &mut Vec<Warning>,
    ) -> Result<()> {
        if self.write_supported(file, value)? == Wrote::Unsupported {
            warnings.push(Warning::NotSupported {
                limit,
                file: file.to_owned(),
            });
        }
        Ok(())
    }

    pub(crate) fn try_write(&self, file: &str, value: &str) -> Result<(), Errno> {
        let fd = rustix::fs::open(
            self.0.join(file),
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::io::retry_on_intr(|| rustix::io::write(&fd, value.as_bytes())).map(drop)
    }

    pub(crate) fn write_error(&self, file: &str, value: &str, errno: Errno) -> Error {
        Error::Io {
            action: format!("write {value:?} to"),
            path: self.0.join(file),
            errno,
        }
    }

    /// A file's content.
    pub(crate) fn read(&self, file: &str) -> Result<String> {
        self.try_read(file).map_err(|errno| Error::Io {
            action: "read".to_owned(),
            path: self.0.join(file),
            errno,
        })
    }

    pub(crate) fn try_read(&self, file: &str) -> Result<String, Errno> {
        let path = self.0.join(file);
        let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut content = Vec::with_capacity(1024);
        loop {
            content.reserve(512);
            let spare = rustix::buffer::spare_capacity(&mut content);
            match rustix::io::read(&fd, spare) {
                Ok(0) => return Ok(String::from_utf8_lossy(&content).into_owned()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// A file's one number; `max` is `u64::MAX`, a missing file is `None`.
    pub(crate) fn number(&self, file: &str) -> Option<u64> {
        parse_number(self.try_read(file).ok()?.trim())
    }

    /// The value of `key` in a file of `key value` lines.
    pub(crate) fn keyed(&self, file: &str, key: &str) -> Option<u64> {
        let text = self.try_read(file).ok()?;
        key_values(&text).find(|(k, _)| *k == key).map(|(_, v)| v)
    }
}

/// A kernel's number, where `max` is the highest and a negative one (v1's "none") is too.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    match text {
        "max" | "-1" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// The lines `key value` of a flat keyed file.
pub(crate) fn key_values(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ')?;
        Some((key, parse_number(value.trim())?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_be_max() {
        assert_eq!(parse_number("max"), Some(u64::MAX));
        assert_eq!(parse_number("-1"), Some(u64::MAX));
        assert_eq!(parse_number("4096"), Some(4096));
        assert_eq!(parse_number(""), None);
    }

    #[test]
    fn a_missing_file_is_unsupported_and_others_fail_with_their_name() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::new(temp.path());
        assert_eq!(
            dir.write_supported("memory.max", "1").unwrap(),
            Wrote::Unsupported
        );
        let error = dir.write("memory.max", "1").unwrap_err().to_string();
        assert!(error.starts_with("write \"1\" to "), "{error}");
        assert!(error.contains("memory.max"), "{error}");
    }
}
