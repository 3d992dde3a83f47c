//! Where a path really leads in the layers below.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{c_path, join, normal};
use crate::Error;

/// How many symbolic links a path may have, as the kernel counts.
const LINKS: usize = 40;

/// A path with its links followed within the root.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// The path, without a leading slash and without links.
    pub path: Vec<u8>,
    /// The directories on the way that are there, the topmost first; the last one may be the path itself.
    pub there: Vec<(Vec<u8>, Stat)>,
    /// What stands at the path.
    pub at: Option<FileType>,
}

impl Place {
    /// Directories of the path (itself included with `whole`) that are to be made.
    pub(crate) fn missing(&self, whole: bool) -> Vec<Vec<u8>> {
        let mut above: Vec<u8> = Vec::new();
        let parts: Vec<&[u8]> = self.path.split(|b| *b == b'/').collect();
        let count = parts.len() - usize::from(!whole);
        let mut missing = Vec::new();
        for part in parts.into_iter().take(count).filter(|p| !p.is_empty()) {
            above = join(&above, part);
            if !self.there.iter().any(|(path, _)| *path == above) {
                missing.push(above.clone());
            }
        }
        missing
    }
}

/// Resolves a path in a root that nobody changes meanwhile; with no root nothing is there.
pub(crate) fn resolve(root: Option<BorrowedFd<'_>>, path: &[u8]) -> Result<Place, Error> {
    let Some(root) = root else {
        return Ok(Place {
            path: normal(path),
            ..Place::default()
        });
    };
    let mut left: Vec<Vec<u8>> = parts(path);
    let mut place = Place::default();
    let mut handles: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == b".." {
            place.there.pop();
            handles.pop();
            place.path = place
                .there
                .last()
                .map(|(p, _)| p.clone())
                .unwrap_or_default();
            place.at = None;
            continue;
        }
        let here = handles.last().map_or(root, AsFd::as_fd);
        let path = join(&place.path, &part);
        let name = c_path(&part)?;
        let stat = match rustix::fs::statat(here, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if place.at.is_none_or(|at| at == FileType::Directory) => stat,
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {
                return rest(place, part, left);
            }
            Err(error) => return Err(failed(&path, error)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                links += 1;
                if links > LINKS {
                    return Err(Error::Invalid("too many links".to_owned()));
                }
                let target = read_link(here, &name).map_err(|e| failed(&path, e))?;
                if target.first() == Some(&b'/') {
                    place = Place::default();
                    handles.clear();
                }
                left.extend(parts(&target));
            }
            FileType::Directory => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let opened = rustix::fs::openat(here, &name, flags, Mode::empty());
                handles.push(opened.map_err(|e| failed(&path, e))?);
                place.there.push((path.clone(), stat));
                place.path = path;
                place.at = Some(FileType::Directory);
            }
            other => {
                place.path = path;
                place.at = Some(other);
                if !left.is_empty() {
                    return Err(failed(&place.path, Errno::NOTDIR));
                }
            }
        }
    }
    if place.path.is_empty() {
        place.at = Some(FileType::Directory);
    }
    Ok(place)
}

/// The part that is not there, and all below it.
fn rest(mut place: Place, part: Vec<u8>, left: Vec<Vec<u8>>) -> Result<Place, Error> {
    if place.at.is_some_and(|at| at != FileType::Directory) {
        return Err(failed(&place.path, Errno::NOTDIR));
    }
    place.path = join(&place.path, &part);
    for part in left.into_iter().rev() {
        place.path = normal(&join(&place.path, &part));
    }
    place.at = None;
    Ok(place)
}

/// A path's parts, the last one first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|b| *b == b'/').rev();
    parts
        .filter(|part| !matches!(*part, b"" | b"."))
        .map(<[u8]>::to_vec)
        .collect()
}

fn read_link(folder: BorrowedFd<'_>, name: &CString) -> rustix::io::Result<Vec<u8>> {
    Ok(rustix::fs::readlinkat(folder, name, Vec::new())?.into_bytes())
}

fn failed(path: &[u8], error: Errno) -> Error {
    Error::file("use", format!("/{}", String::from_utf8_lossy(path)))(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_inside() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::create_dir_all(at.join("usr/bin")).unwrap();
        symlink("usr/bin", at.join("bin")).unwrap();
        symlink("/usr", at.join("abs")).unwrap();
        symlink("../../..", at.join("usr/up")).unwrap();
        symlink("loop", at.join("loop")).unwrap();
        fs::write(at.join("file"), "").unwrap();
        let root = fs::File::open(at).unwrap();
        let real = |path: &str| {
            let place = resolve(Some(root.as_fd()), path.as_bytes()).unwrap();
            (
                String::from_utf8(place.path.clone()).unwrap(),
                place.missing(true).len(),
            )
        };
        assert_eq!(real("/bin/tool"), ("usr/bin/tool".into(), 1));
        assert_eq!(real("abs/bin"), ("usr/bin".into(), 0));
        assert_eq!(real("usr/up/etc/x"), ("etc/x".into(), 2));
        assert_eq!(real("/"), (String::new(), 0));
        assert_eq!(real("new/a/../b"), ("new/b".into(), 2));
        assert!(resolve(Some(root.as_fd()), b"loop/x").is_err());
        assert!(resolve(Some(root.as_fd()), b"file/x").is_err());
    }
}
