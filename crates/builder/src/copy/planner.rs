//! Where each file goes, and as what.

use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;

use gantry_dockerfile::Inline;
use rustix::fs::FileType;

use super::item::Item;
use super::{Job, Origin};
use crate::Error;
use crate::archives::is_archive;
use crate::files::{Chmod, Found, Owner, Place, Selected, join, normal, resolve};

/// A source and what becomes of it.
pub(super) struct Chosen<'a> {
    pub(super) root: BorrowedFd<'a>,
    pub(super) selected: Selected,
    pub(super) unpack: bool,
    pub(super) fetched: bool,
}

pub(super) struct Planner<'a> {
    pub(super) job: &'a Job,
    pub(super) chown: Option<Owner>,
    pub(super) chmod: Option<Chmod>,
    pub(super) whole: bool,
    pub(super) place: Place,
    pub(super) items: Vec<Item<'a>>,
    /// Where directories of the copy really are in the layers below.
    pub(super) real: HashMap<Vec<u8>, Vec<u8>>,
    /// Directories that the layers below have.
    pub(super) there: HashSet<Vec<u8>>,
    pub(super) grounds: Vec<(Place, bool)>,
}

impl<'a> Planner<'a> {
    /// Adds a source; `number` tells it from the others.
    pub(super) fn add(&mut self, number: usize, chosen: Chosen<'a>) -> Result<(), Error> {
        let Chosen {
            root,
            selected,
            unpack,
            fetched,
        } = chosen;
        if unpack
            && let Some(found) = selected.found.first()
            && is_archive(root, found)?
        {
            self.items.push(Item::Archive {
                root,
                found: found.clone(),
                target: self.place.path.clone(),
                owner: self.chown,
            });
            return Ok(());
        }
        for (at, found) in selected.found.into_iter().enumerate() {
            if selected.directory && at == 0 && found.below.is_empty() {
                // What is in it goes into the destination, which has attributes of its own.
                continue;
            }
            let logical = if self.whole {
                join(&self.place.path, &found.below)
            } else {
                self.place.path.clone()
            };
            let target = self.target(&logical, found.kind() == FileType::Directory)?;
            if !self.whole {
                // Of several files for one name the last one stays.
                self.forget_files();
            }
            let mode = self.mode(&found, fetched);
            let owner = self.owner(&found);
            self.items.push(Item::File {
                root,
                found,
                target,
                mode,
                owner,
                number,
                xattrs: matches!(self.job.origin, Some(Origin::Root(_))),
            });
        }
        Ok(())
    }

    fn forget_files(&mut self) {
        self.items
            .retain(|item| matches!(item, Item::Archive { .. }));
    }

    pub(super) fn inline(&mut self, file: &'a Inline) {
        if !self.whole {
            self.forget_files();
        }
        let target = if self.whole {
            join(&self.place.path, &normal(file.name.as_bytes()))
        } else {
            self.place.path.clone()
        };
        let mode = self.chmod.as_ref().map_or(0o644, |c| c.apply(0o644, false));
        self.items.push(Item::Text {
            content: file.text.as_bytes(),
            target,
            mode,
            owner: self.chown.unwrap_or_default(),
        });
    }

    /// Where a name of the copy really is: a directory on the way may be a link in the layers below.
    fn target(&mut self, logical: &[u8], directory: bool) -> Result<Vec<u8>, Error> {
        let (above, name) = match logical.iter().rposition(|b| *b == b'/') {
            Some(at) => (&logical[..at], &logical[at + 1..]),
            None => (&b""[..], logical),
        };
        let above = if above == self.place.path || above.is_empty() {
            above.to_vec()
        } else {
            match self.real.get(above) {
                Some(real) => real.clone(),
                None => self.real_directory(above, true)?,
            }
        };
        let path = join(&above, name);
        if !directory {
            self.refuse_directory(&above, &path)?;
            return Ok(path);
        }
        let real = self.real_directory(&path, false)?;
        self.real.insert(logical.to_vec(), real.clone());
        Ok(real)
    }

    /// Where a directory of the copy is; `made` says that it has to be made, too, since nothing of the copy makes it.
    fn real_directory(&mut self, path: &[u8], made: bool) -> Result<Vec<u8>, Error> {
        let place = resolve(self.job.below(), path)?;
        let real = place.path.clone();
        match place.at {
            Some(FileType::Directory) => drop(self.there.insert(real.clone())),
            Some(_) => {
                let path = String::from_utf8_lossy(&real);
                return Err(Error::Invalid(format!(
                    "cannot copy to non-directory: /{path}"
                )));
            }
            None => {}
        }
        self.grounds.push((place, made));
        Ok(real)
    }

    /// A file takes the place of another one, not of a directory.
    fn refuse_directory(&self, above: &[u8], path: &[u8]) -> Result<(), Error> {
        let Some(below) = self.job.below().filter(|_| self.there.contains(above)) else {
            return Ok(());
        };
        if is_directory(below, path)? {
            return Err(Error::Invalid(format!(
                "cannot replace to directory /{} with file",
                String::from_utf8_lossy(path)
            )));
        }
        Ok(())
    }

    fn mode(&self, found: &Found, fetched: bool) -> u32 {
        let own = if fetched {
            0o600
        } else {
            found.stat.st_mode & 0o7777
        };
        let directory = found.kind() == FileType::Directory;
        match &self.chmod {
            Some(chmod) if found.kind() != FileType::Symlink => chmod.apply(own, directory),
            _ => own,
        }
    }

    fn owner(&self, found: &Found) -> Owner {
        self.chown.unwrap_or(match self.job.origin {
            None | Some(Origin::Context(_)) => Owner::default(),
            Some(Origin::Root(_)) => Owner {
                uid: found.stat.st_uid,
                gid: found.stat.st_gid,
            },
        })
    }
}

/// Whether a path of a root is a directory itself.
fn is_directory(root: BorrowedFd<'_>, path: &[u8]) -> Result<bool, Error> {
    let path = crate::files::c_path(path)?;
    let stat = rustix::fs::statat(root, &path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
    Ok(stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory))
}
