//! Which files an instruction means.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gantry_dockerfile::Ignore;
use gantry_reference::Pattern;
use gantry_sys::in_root;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::c_path;
use crate::Error;

/// How deep a tree may be; the kernel's paths end at 4096 bytes.
const DEPTH: usize = 2048;

/// What is selected, and from where.
pub(crate) struct Selection<'a> {
    /// The root that paths begin at.
    pub root: BorrowedFd<'a>,
    /// What of the root does not count.
    pub ignore: Option<&'a Ignore>,
    /// `--exclude`.
    pub exclude: &'a Ignore,
    /// `--parents`.
    pub parents: bool,
}

/// A source: one file, or a directory with what is in it.
#[derive(Debug)]
pub(crate) struct Selected {
    /// Whether it is a directory whose contents are meant.
    pub directory: bool,
    /// The files; of a directory, itself first with an empty path.
    pub found: Vec<Found>,
}

/// A file.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its path in the root, without a leading slash.
    pub source: Vec<u8>,
    /// Its path below what was asked for.
    pub below: Vec<u8>,
    /// What the kernel says of it.
    pub stat: Stat,
}

impl Found {
    /// Its type.
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

/// A path without empty parts, `.` and `..`, which never leads above its beginning.
pub(crate) fn normal(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join(&b'/')
}

/// Two paths, one below the other.
pub(crate) fn join(above: &[u8], below: &[u8]) -> Vec<u8> {
    match (above, below) {
        (b"", other) | (other, b"") => other.to_vec(),
        (above, below) => [above, b"/", below].concat(),
    }
}

/// Finds what a path or a pattern of COPY or ADD means.
pub(crate) fn select(pattern: &str, selection: &Selection<'_>) -> Result<Vec<Selected>, Error> {
    let path = normal(pattern.as_bytes());
    let not_found = || Error::SourceNotFound(format!("/{}", String::from_utf8_lossy(&path)));
    let wild = is_pattern(pattern);
    let paths = if wild {
        matches(&path, selection)?
    } else {
        vec![path.clone()]
    };
    // `a/./b` keeps what is behind the dot with --parents.
    let pivot = pattern
        .find("/./")
        .map(|at| normal(&pattern.as_bytes()[..at]));
    let mut all = Vec::new();
    for found in &paths {
        match one(found, pivot.as_deref(), selection)? {
            Some(selected) => all.push(selected),
            None if !wild => return Err(not_found()),
            None => {}
        }
    }
    // A pattern may fit nothing: who writes `*.lock` does not always have one.
    if all.is_empty() && !wild {
        return Err(not_found());
    }
    Ok(all)
}

/// Whether a source is a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '\\'])
}

fn one(
    path: &[u8],
    pivot: Option<&[u8]>,
    selection: &Selection<'_>,
) -> Result<Option<Selected>, Error> {
    // The source itself may be a symbolic link; what is below it is copied as it is.
    let fd = match open(selection.root, path, OFlags::PATH) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(Errno::LOOP) => {
            let why = "failed to compute cache key: too many links";
            return Err(Error::Invalid(why.to_owned()));
        }
        Err(error) => return Err(told("open", path, error)),
    };
    let stat = rustix::fs::fstat(&fd).map_err(|e| told("look at", path, e))?;
    let name = path
        .rsplit(|b| *b == b'/')
        .next()
        .unwrap_or_default()
        .to_vec();
    let kept = match (selection.parents, pivot) {
        (false, _) => Vec::new(),
        (true, None) => path.to_vec(),
        (true, Some(pivot)) => {
            let rest = path.strip_prefix(pivot).unwrap_or(path);
            normal(rest)
        }
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        if hidden(path, path, selection) {
            return Ok(None);
        }
        let mut found = above(path, &kept, selection)?;
        let below = if selection.parents { kept } else { name };
        found.push(Found {
            source: path.to_vec(),
            below,
            stat,
        });
        return Ok(Some(Selected {
            directory: false,
            found,
        }));
    }
    let mut found = above(path, &kept, selection)?;
    found.push(Found {
        source: path.to_vec(),
        below: kept.clone(),
        stat,
    });
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let folder = open(selection.root, path, flags).map_err(|e| told("open", path, e))?;
    walk(&folder, path, &kept, b"", selection, &mut found, 0)?;
    Ok(Some(Selected {
        directory: true,
        found,
    }))
}

/// The directories above a path that are kept with it, as they are.
fn above(path: &[u8], kept: &[u8], selection: &Selection<'_>) -> Result<Vec<Found>, Error> {
    let start = path.len().saturating_sub(kept.len());
    let mut found = Vec::new();
    for (at, _) in kept.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        let source = path[..start + at].to_vec();
        let fd =
            open(selection.root, &source, OFlags::PATH).map_err(|e| told("open", &source, e))?;
        found.push(Found {
            stat: rustix::fs::fstat(&fd).map_err(|e| told("look at", &source, e))?,
            source,
            below: kept[..at].to_vec(),
        });
    }
    Ok(found)
}

/// Goes through a directory, parents before children, names in order.
fn walk(
    folder: &OwnedFd,
    source: &[u8],
    kept: &[u8],
    inside: &[u8],
    selection: &Selection<'_>,
    found: &mut Vec<Found>,
    depth: usize,
) -> Result<(), Error> {
    if depth > DEPTH {
        return Err(told("read", source, Errno::NAMETOOLONG));
    }
    for name in names(folder).map_err(|e| told("read", source, e))? {
        let (path, inner) = (join(source, &name), join(inside, &name));
        let c_name = c_path(&name)?;
        let stat = rustix::fs::statat(folder, &c_name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| told("look at", &path, e))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let out = hidden(&path, &inner, selection);
        if kind == FileType::Directory {
            // An exception further down may bring a directory back.
            let before = found.len();
            found.push(Found {
                source: path.clone(),
                below: join(kept, &inner),
                stat,
            });
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let below = rustix::fs::openat(folder, &c_name, flags, Mode::empty())
                .map_err(|e| told("open", &path, e))?;
            if !out || may_have_exceptions(selection) {
                walk(&below, &path, kept, &inner, selection, found, depth + 1)?;
            }
            if out && found.len() == before + 1 {
                found.pop();
            }
        } else if !out && kind != FileType::Socket {
            found.push(Found {
                source: path,
                below: join(kept, &inner),
                stat,
            });
        }
    }
    Ok(())
}

fn may_have_exceptions(selection: &Selection<'_>) -> bool {
    selection.exclude.has_exclusions() || selection.ignore.is_some_and(Ignore::has_exclusions)
}

/// Whether a path of the root, or one below the source, is left out.
fn hidden(path: &[u8], inner: &[u8], selection: &Selection<'_>) -> bool {
    let by = |ignore: &Ignore, path: &[u8]| {
        !ignore.is_empty() && str::from_utf8(path).is_ok_and(|path| ignore.matches(path))
    };
    selection.ignore.is_some_and(|ignore| by(ignore, path)) || by(selection.exclude, inner)
}

/// Paths that fit a pattern, part by part.
fn matches(pattern: &[u8], selection: &Selection<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let pattern = String::from_utf8_lossy(pattern).into_owned();
    let mut fitting: Vec<Vec<u8>> = vec![Vec::new()];
    for part in pattern.split('/') {
        let mut next = Vec::new();
        if part == "**" && selection.parents {
            for above in &fitting {
                folders(above, selection, &mut next, 0)?;
            }
            fitting = next;
            continue;
        }
        if !is_pattern(part) {
            next.extend(fitting.iter().map(|above| join(above, part.as_bytes())));
            fitting = next;
            continue;
        }
        let wanted = Pattern::parse(part)
            .map_err(|_| Error::Invalid(format!("syntax error in pattern: {pattern}")))?;
        for above in &fitting {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let Ok(folder) = open(selection.root, above, flags) else {
                continue;
            };
            let names = names(&folder).map_err(|e| told("read", above, e))?;
            let fits =
                |name: &Vec<u8>| str::from_utf8(name).is_ok_and(|name| wanted.matches_text(name));
            next.extend(names.iter().filter(|n| fits(n)).map(|n| join(above, n)));
        }
        fitting = next;
    }
    Ok(fitting)
}

/// A directory and all directories below it.
fn folders(
    above: &[u8],
    selection: &Selection<'_>,
    found: &mut Vec<Vec<u8>>,
    depth: usize,
) -> Result<(), Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let Ok(folder) = open(selection.root, above, flags) else {
        return Ok(());
    };
    if depth > DEPTH {
        return Err(told("read", above, Errno::NAMETOOLONG));
    }
    found.push(above.to_vec());
    for name in names(&folder).map_err(|e| told("read", above, e))? {
        folders(&join(above, &name), selection, found, depth + 1)?;
    }
    Ok(())
}

fn names(folder: &OwnedFd) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn open(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let path = std::ffi::CString::new([b"/", path].concat()).map_err(|_| Errno::INVAL)?;
    in_root::open(root.as_fd(), &path, flags)
}

fn told(action: &'static str, path: &[u8], error: Errno) -> Error {
    Error::file(action, format!("/{}", String::from_utf8_lossy(path)))(error)
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn paths_never_lead_above_their_beginning() {
        for (path, wanted) in [
            ("/a//b/./c", "a/b/c"),
            ("../../etc", "etc"),
            ("a/../../b", "b"),
            ("/", ""),
            (".", ""),
        ] {
            assert_eq!(normal(path.as_bytes()), wanted.as_bytes(), "{path}");
        }
    }
}
