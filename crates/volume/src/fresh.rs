//! A volume in the making.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, openat, renameat_with};
use rustix::io::Errno;

use crate::store::{DATA, RECORD, Volume};
use crate::{Error, VolumeName, remove};

/// A folder that becomes a volume by [`Fresh::publish`]; dropped before that, it is gone.
#[derive(Debug)]
pub struct Fresh {
    folder: PathBuf,
    root: PathBuf,
    done: bool,
}

impl Fresh {
    pub(crate) fn new(root: &Path) -> Result<Self, Error> {
        let folder = root.join(VolumeName::hidden("new")?);
        let fresh = Self {
            root: root.to_owned(),
            folder,
            done: false,
        };
        let data = fresh.data();
        fs::create_dir_all(&data).map_err(Error::file("create", &data))?;
        Ok(fresh)
    }

    /// Where its data go.
    pub fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    /// Its data's folder, opened.
    pub fn open_data(&self) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(CWD, self.data(), flags, Mode::empty())
            .map_err(|e| Error::file("open", self.data())(e.into()))
    }

    /// Gives it its record and its name, in one step that survives a loss of power.
    pub(crate) fn publish(mut self, volume: &Volume, action: &'static str) -> Result<(), Error> {
        let record = self.folder.join(RECORD);
        let bytes = serde_json::to_vec(volume).map_err(|e| Error::Damaged {
            path: record.clone(),
            reason: e.to_string(),
        })?;
        fs::write(&record, bytes)
            .and_then(|()| File::open(&record)?.sync_all())
            .map_err(Error::file("write", &record))?;
        let name = self.root.join(volume.name.as_str());
        match renameat_with(CWD, &self.folder, CWD, &name, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                return Err(Error::NameTaken {
                    action,
                    name: volume.name.to_string(),
                });
            }
            Err(e) => return Err(Error::file("rename to", name)(e.into())),
        }
        self.done = true;
        File::open(&self.root)
            .and_then(|root| root.sync_all())
            .map_err(Error::file("flush", &self.root))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.done
            && let Err(e) = remove::tree(&self.folder)
        {
            tracing::warn!("{e}");
        }
    }
}
