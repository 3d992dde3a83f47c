//! A file, a directory or a link that is made, and what is removed.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use gantry_reference::{Digest, Pattern};
use gantry_sys::in_root;
use rustix::fs::{AtFlags, Dir, FileType, OFlags};
use tar::{EntryType, Header};

use super::{FileChange, Work};
use crate::Error;
use crate::files::{Fingerprint, LayerWriter, Place, c_path, join, normal, resolve};

/// What stands for a removed file in a layer begins so (image-spec, `layer.md`).
const WHITEOUT: &[u8] = b".wh.";

impl Work<'_> {
    /// What the layer is made from.
    pub(super) fn key(&self, change: &FileChange) -> Digest {
        let mut print = Fingerprint::new("file 1");
        print.all(self.layers.iter().map(Digest::as_str));
        print.add(format!("{:?}", self.owner));
        // The owner is what names stand for here.
        let unowned = match change {
            FileChange::MakeFile {
                path,
                mode,
                content,
                time,
                ..
            } => {
                let digest = gantry_archive::Digester::sha256(content);
                format!("file {path:?} {mode:o} {time} {digest}")
            }
            FileChange::MakeDirectory {
                path,
                mode,
                parents,
                time,
                ..
            } => format!("directory {path:?} {mode:o} {parents} {time}"),
            FileChange::Link {
                target, path, time, ..
            } => format!("link {target:?} {path:?} {time}"),
            other => format!("{other:?}"),
        };
        print.add(unowned);
        print.finish()
    }

    /// Whether there is anything to do; refuses what cannot be done.
    pub(super) fn changes(&self, change: &FileChange) -> Result<bool, Error> {
        match change {
            FileChange::MakeFile { path, .. } => {
                let place = self.place(path)?;
                if place.at == Some(FileType::Directory) {
                    return Err(Error::Invalid(format!("open {path}: is a directory")));
                }
                whole_but_last(&place, path)?;
                Ok(true)
            }
            FileChange::MakeDirectory { path, parents, .. } => {
                let place = self.place(path)?;
                match (place.at, parents) {
                    (Some(FileType::Directory), true) => return Ok(false),
                    (Some(_), _) => {
                        return Err(Error::Invalid(format!("mkdir {path}: file exists")));
                    }
                    (None, false) => whole_but_last(&place, path)?,
                    (None, true) => {}
                }
                Ok(true)
            }
            FileChange::Link { path, .. } => {
                let (above, name) = split(path)?;
                let place = self.directory(&above, path)?;
                if self.has(&place.path, &name)? {
                    return Err(Error::Invalid(format!("symlink {path}: file exists")));
                }
                Ok(true)
            }
            FileChange::Remove {
                path,
                may_be_missing,
                pattern,
            } => {
                let found = self.removed(path, *pattern)?;
                if found.is_empty() && !may_be_missing && !pattern {
                    return Err(Error::NotFound(format!(
                        "rm {path}: no such file or directory"
                    )));
                }
                Ok(!found.is_empty())
            }
            FileChange::Copy(_) => Ok(true),
        }
    }

    /// Writes the layer.
    pub(super) fn write(&self, change: &FileChange, out: impl Write) -> Result<(), Error> {
        let mut layer = LayerWriter::new(out);
        match change {
            FileChange::MakeFile {
                path,
                mode,
                content,
                time,
                ..
            } => {
                let place = self.place(path)?;
                known(&mut layer, &place)?;
                let mut header = self.header(EntryType::Regular, *mode, *time);
                header.set_size(content.len() as u64);
                layer.entry(&header, &place.path, None, content.as_slice())?;
            }
            FileChange::MakeDirectory {
                path, mode, time, ..
            } => {
                let place = self.place(path)?;
                known(&mut layer, &place)?;
                let owner = self.owner.unwrap_or_default();
                for missing in place.missing(true) {
                    layer.directory(&missing, mode & 0o7777, owner, *time)?;
                }
            }
            FileChange::Link {
                target, path, time, ..
            } => {
                let (above, name) = split(path)?;
                let place = self.directory(&above, path)?;
                known(&mut layer, &place)?;
                let header = self.header(EntryType::Symlink, 0o777, *time);
                let at = join(&place.path, &name);
                layer.entry(&header, &at, Some(target.as_bytes()), io::empty())?;
            }
            FileChange::Remove { path, pattern, .. } => {
                for (place, name) in self.removed(path, *pattern)? {
                    known(&mut layer, &place)?;
                    let mark = join(&place.path, &[WHITEOUT, &name].concat());
                    layer.text(&mark, b"", 0, crate::files::Owner::default())?;
                }
            }
            FileChange::Copy(_) => {}
        }
        let mut out = layer.finish()?;
        out.flush().map_err(Error::file("end", "the layer"))
    }

    fn header(&self, kind: EntryType, mode: u32, time: i64) -> Header {
        let owner = self.owner.unwrap_or_default();
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode & 0o7777);
        header.set_uid(owner.uid.into());
        header.set_gid(owner.gid.into());
        header.set_mtime(u64::try_from(time).unwrap_or(0));
        header.set_size(0);
        header
    }

    fn place(&self, path: &str) -> Result<Place, Error> {
        let place = resolve(Some(self.root()), path.as_bytes())?;
        if place.path.is_empty() && place.at != Some(FileType::Directory) {
            return Err(Error::Invalid(format!("{path:?} names no file")));
        }
        Ok(place)
    }

    /// A directory that must be there.
    fn directory(&self, path: &[u8], shown: &str) -> Result<Place, Error> {
        let place = resolve(Some(self.root()), path)?;
        if place.at == Some(FileType::Directory) {
            return Ok(place);
        }
        Err(Error::NotFound(format!(
            "{shown}: the directory above it is missing"
        )))
    }

    fn has(&self, above: &[u8], name: &[u8]) -> Result<bool, Error> {
        let path = c_path(&join(above, name))?;
        let stat = rustix::fs::statat(self.root(), &path, AtFlags::SYMLINK_NOFOLLOW);
        Ok(stat.is_ok())
    }

    /// What a path means that is to be removed: directories, and names in them. Its last part is not followed.
    fn removed(&self, path: &str, pattern: bool) -> Result<Vec<(Place, Vec<u8>)>, Error> {
        let (above, name) = split(path)?;
        let place = resolve(Some(self.root()), &above)?;
        if place.at != Some(FileType::Directory) {
            return Ok(Vec::new());
        }
        if !pattern {
            let there = self.has(&place.path, &name)?;
            return Ok(there.then_some((place, name)).into_iter().collect());
        }
        let text = String::from_utf8_lossy(&name).into_owned();
        let wanted = Pattern::parse(&text)
            .map_err(|_| Error::Invalid(format!("syntax error in pattern: {path}")))?;
        let failed = || Error::file("read", Path::new(OsStr::from_bytes(&place.path)));
        let opened = c_path(&[b"/", place.path.as_slice()].concat())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let folder = in_root::open(self.root(), &opened, flags).map_err(failed())?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name().to_bytes();
            let fits = || str::from_utf8(name).is_ok_and(|name| wanted.matches_text(name));
            if !matches!(name, b"." | b"..") && fits() {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        Ok(names
            .into_iter()
            .map(|name| (place.clone(), name))
            .collect())
    }
}

/// Directories on the way, as they are there.
fn known(layer: &mut LayerWriter<impl Write>, place: &Place) -> Result<(), Error> {
    for (path, stat) in &place.there {
        layer.known(path, stat)?;
    }
    Ok(())
}

fn whole_but_last(place: &Place, path: &str) -> Result<(), Error> {
    if place.missing(false).is_empty() {
        return Ok(());
    }
    Err(Error::NotFound(format!(
        "{path}: the directory above it is missing"
    )))
}

/// The directory that something is in, and its name there.
fn split(path: &str) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let path = normal(path.as_bytes());
    let cut = path.iter().rposition(|b| *b == b'/');
    let (above, name) = match cut {
        Some(at) => (path[..at].to_vec(), path[at + 1..].to_vec()),
        None => (Vec::new(), path),
    };
    if name.is_empty() {
        return Err(Error::Invalid("the root itself stays".to_owned()));
    }
    Ok((above, name))
}
