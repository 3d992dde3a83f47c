//! Taking names apart.

use crate::tar::ArchiveError;

/// PATH_MAX: no system call takes a longer name.
const MAX_PATH: usize = 4096;
/// NAME_MAX, the longest component.
const MAX_NAME: usize = 255;
/// Symbolic links followed for one name (the kernel's MAXSYMLINKS).
const MAX_LINKS: u32 = 40;

/// The components still to walk, the next one last.
pub(super) struct Walk<'a> {
    path: &'a [u8],
    rest: Vec<Vec<u8>>,
    links: u32,
}

impl<'a> Walk<'a> {
    pub(super) fn new(path: &'a [u8], parents: &[&[u8]]) -> Self {
        let rest = parents.iter().rev().map(|name| name.to_vec()).collect();
        Self {
            path,
            rest,
            links: 0,
        }
    }

    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.rest.pop()
    }

    /// Puts a symbolic link's target in front; `true` if it starts at the root.
    pub(super) fn follow(&mut self, target: &[u8]) -> Result<bool, ArchiveError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(ArchiveError::SymlinkLoop {
                name: lossy(self.path),
            });
        }
        for name in target.split(|b| *b == b'/').rev() {
            if name.len() > MAX_NAME {
                return Err(bad_name(self.path, "a component is longer than 255 bytes"));
            }
            if !matches!(name, b"" | b".") {
                self.rest.push(name.to_vec());
            }
        }
        Ok(target.starts_with(b"/"))
    }
}

/// Cleans a name as Docker does (lexically, `..` stopping at the root) and splits off the last
/// component; `None` for the root itself.
#[allow(clippy::type_complexity)] // directories and name, used in this file only
pub(super) fn split(path: &[u8]) -> Result<Option<(Vec<&[u8]>, &[u8])>, ArchiveError> {
    if path.len() >= MAX_PATH {
        return Err(bad_name(path, "longer than 4095 bytes"));
    }
    if path.contains(&0) {
        return Err(bad_name(path, "contains a NUL"));
    }
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            name if name.len() > MAX_NAME => {
                return Err(bad_name(path, "a component is longer than 255 bytes"));
            }
            name => names.push(name),
        }
    }
    Ok(names.pop().map(|name| (names, name)))
}

pub(super) fn checked_target(path: &[u8], target: Vec<u8>) -> Result<Vec<u8>, ArchiveError> {
    let why = match target.len() {
        0 => "a symbolic link without a target",
        len if len >= MAX_PATH => "its target is longer than 4095 bytes",
        _ if target.contains(&0) => "its target contains a NUL",
        _ => return Ok(target),
    };
    Err(bad_name(path, why))
}
pub(super) fn bad_name(path: &[u8], why: &'static str) -> ArchiveError {
    ArchiveError::Name {
        name: lossy(path),
        why,
    }
}

pub(super) fn lossy(path: &[u8]) -> String {
    let shown = &path[..path.len().min(MAX_PATH)];
    String::from_utf8_lossy(shown).into_owned()
}
