//! Walking an archive that is never unpacked by name.

use std::io::{self, Read};
use std::path::{Component, Path};

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The archive cannot be read, or ends early.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// A name that leaves the archive.
    #[error("entry {0:?} would leave the archive; it is refused")]
    Escapes(String),
    /// A link that leaves the archive.
    #[error("entry {name:?} links to {target:?}, which leaves the archive; it is refused")]
    LinkEscapes {
        /// The entry.
        name: String,
        /// Where it points.
        target: String,
    },
    /// A device, a pipe or something else that is no file, directory or link.
    #[error("entry {name:?} is a {kind}; only files, directories and links belong here")]
    Kind {
        /// The entry.
        name: String,
        /// What it is.
        kind: &'static str,
    },
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link, symbolic or hard; the target is the name of another entry.
    Link(String),
}

/// One entry; reading it gives the file's content.
pub struct Entry<'a, R: Read> {
    name: String,
    kind: EntryKind,
    left: u64,
    inner: tar::Entry<'a, R>,
}

/// The entries of a tar, in order, with names checked.
pub struct Entries<'a, R: Read> {
    inner: tar::Entries<'a, R>,
}

impl<'a, R: Read> Entries<'a, R> {
    /// Starts at the front of an archive.
    pub fn new(archive: &'a mut tar::Archive<R>) -> Result<Self, EntryError> {
        Ok(Self {
            inner: archive.entries()?,
        })
    }
}

impl<'a, R: Read> Iterator for Entries<'a, R> {
    type Item = Result<Entry<'a, R>, EntryError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.inner.next()?.map_err(EntryError::from).and_then(check))
    }
}

fn check<R: Read>(inner: tar::Entry<'_, R>) -> Result<Entry<'_, R>, EntryError> {
    let raw = String::from_utf8_lossy(&inner.path_bytes()).into_owned();
    let name = normal(Path::new(&raw)).ok_or_else(|| EntryError::Escapes(raw.clone()))?;
    let kind = match inner.header().entry_type() {
        tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
            EntryKind::File
        }
        tar::EntryType::Directory => EntryKind::Directory,
        tar::EntryType::Symlink => EntryKind::Link(link_target(&inner, &name, true)?),
        tar::EntryType::Link => EntryKind::Link(link_target(&inner, &name, false)?),
        other => {
            return Err(EntryError::Kind {
                name,
                kind: kind_name(other),
            });
        }
    };
    let left = inner.size();
    Ok(Entry {
        name,
        kind,
        left,
        inner,
    })
}

fn link_target<R: Read>(
    entry: &tar::Entry<'_, R>,
    name: &str,
    symbolic: bool,
) -> Result<String, EntryError> {
    let raw = entry.link_name_bytes().unwrap_or_default();
    let target = String::from_utf8_lossy(&raw).into_owned();
    let from = if symbolic {
        Path::new(name).parent().unwrap_or(Path::new(""))
    } else {
        Path::new("")
    };
    normal(&from.join(&target)).ok_or_else(|| EntryError::LinkEscapes {
        name: name.to_owned(),
        target,
    })
}

/// The path without `.` and inner `..`; `None` if it is absolute or climbs out.
fn normal(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

fn kind_name(kind: tar::EntryType) -> &'static str {
    match kind {
        tar::EntryType::Char => "character device",
        tar::EntryType::Block => "block device",
        tar::EntryType::Fifo => "named pipe",
        _ => "special entry",
    }
}

impl<R: Read> Entry<'_, R> {
    /// The name, without `./` and the like.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    pub const fn kind(&self) -> &EntryKind {
        &self.kind
    }

    /// Bytes of content.
    pub fn size(&self) -> u64 {
        self.inner.size()
    }

    /// Reads the content if it has at most `limit` bytes, else says `None`.
    pub fn read_small(&mut self, limit: u64) -> Result<Option<Vec<u8>>, EntryError> {
        if self.size() > limit {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(self.size() as usize);
        self.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// A content that ends before its header says so is an error here.
impl<R: Read> Read for Entry<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && self.left > 0 && !buf.is_empty() {
            let name = &self.name;
            let message = format!("the archive ends in the middle of {name:?}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(name: &str, kind: tar::EntryType, link: &str) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o644);
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend([0; 1024]);
        bytes
    }

    fn first(bytes: &[u8]) -> Result<(String, EntryKind), EntryError> {
        let mut archive = tar::Archive::new(bytes);
        let entry = Entries::new(&mut archive)?.next().unwrap()?;
        Ok((entry.name().to_owned(), entry.kind().clone()))
    }

    #[test]
    fn plain_names_pass() {
        let (name, kind) = first(&archive("./a//b", tar::EntryType::Regular, "")).unwrap();
        assert_eq!((name.as_str(), kind), ("a/b", EntryKind::File));
        let (_, kind) = first(&archive(
            "a/layer.tar",
            tar::EntryType::Symlink,
            "../b/layer.tar",
        ))
        .unwrap();
        assert_eq!(kind, EntryKind::Link("b/layer.tar".into()));
    }

    #[test]
    fn an_early_end_is_an_error() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2000);
        builder
            .append_data(&mut header, "x", &[1_u8; 2000][..])
            .unwrap();
        let bytes = builder.into_inner().unwrap();
        let mut archive = tar::Archive::new(&bytes[..1500]);
        let mut entry = Entries::new(&mut archive).unwrap().next().unwrap().unwrap();
        let error = entry.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn hostile_entries_are_refused() {
        use tar::EntryType as T;
        assert!(matches!(
            first(&archive("../x", T::Regular, "")),
            Err(EntryError::Escapes(_))
        ));
        assert!(matches!(
            first(&archive("/etc/x", T::Regular, "")),
            Err(EntryError::Escapes(_))
        ));
        let link = first(&archive("x", T::Symlink, "/etc/passwd"));
        assert!(matches!(link, Err(EntryError::LinkEscapes { .. })));
        let link = first(&archive("x", T::Link, "../passwd"));
        assert!(matches!(link, Err(EntryError::LinkEscapes { .. })));
        assert!(matches!(
            first(&archive("x", T::Char, "")),
            Err(EntryError::Kind { .. })
        ));
        assert!(matches!(
            first(&archive("x", T::Fifo, "")),
            Err(EntryError::Kind { .. })
        ));
    }
}
