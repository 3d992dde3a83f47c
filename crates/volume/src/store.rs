//! The folder of volumes.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, openat, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::locks::NameLocks;
use crate::{Error, Fresh, Options, VolumeName, copy, driver_mount, fill, quota, remove, usage};

/// The data's folder inside the volume's.
pub(crate) const DATA: &str = "_data";
/// The record beside it.
pub(crate) const RECORD: &str = "volume.json";

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name. That of its folder counts: renaming a volume is renaming that.
    pub name: VolumeName,
    /// Seconds since 1970.
    pub created: u64,
    /// What its maker wrote on it.
    pub labels: BTreeMap<String, String>,
    /// Whether nobody gave it a name; such a volume goes with its container's `rm -v` and `--rm`.
    pub anonymous: bool,
    /// The driver's options.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The volume that it is a snapshot of; then it never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_of: Option<String>,
    /// The project under which the file system counts it, if it has a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<u32>,
}

impl Volume {
    /// What its options mean. Those of a record were checked when it was made.
    pub fn options(&self) -> Options {
        Options::parse(&self.options).unwrap_or_default()
    }

    /// Whether its data are on a mount of their own.
    pub fn needs_mount(&self) -> bool {
        !self.options.is_empty() && self.options().needs_mount()
    }
}

/// A volume to be made.
#[derive(Debug, Clone)]
pub struct NewVolume {
    /// Its name.
    pub name: VolumeName,
    /// The driver; empty or `local`.
    pub driver: String,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// What is written on it.
    pub labels: BTreeMap<String, String>,
    /// Whether nobody gave it a name.
    pub anonymous: bool,
}

impl NewVolume {
    /// A plain volume.
    pub fn named(name: VolumeName) -> Self {
        Self {
            name,
            driver: String::new(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
            anonymous: false,
        }
    }
}

/// What [`Volumes::ensure`] found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The volume.
    pub volume: Volume,
    /// Whether it was not there before.
    pub new: bool,
}

/// All volumes of one data root.
#[derive(Debug)]
pub struct Volumes {
    root: PathBuf,
    /// Makes "is it there, and used? then do it" one step; by volume, who is about to use it: a
    /// container that is being made is not known to anybody else yet.
    held: Mutex<HashMap<VolumeName, Vec<String>>>,
    /// For what takes long and concerns one volume: copy-up, mount and unmount.
    busy: NameLocks,
}

impl Volumes {
    /// Opens the folder `<data_root>/volumes`, making it when missing, and finishes or clears what
    /// a killed daemon left.
    pub fn open(data_root: &Path) -> Result<Self, Error> {
        let root = data_root.join("volumes");
        fs::create_dir_all(&root).map_err(Error::file("create", &root))?;
        if let Ok(folder) = fs::File::open(&root) {
            gantry_sys::placement::spread(folder);
        }
        let volumes = Self {
            root,
            held: Mutex::default(),
            busy: NameLocks::default(),
        };
        volumes.recover()?;
        Ok(volumes)
    }

    fn recover(&self) -> Result<(), Error> {
        let mut dead = Vec::new();
        for name in self.folders()? {
            let folder = self.root.join(&name);
            if name.starts_with('.') {
                dead.push(folder);
            } else if let Err(e) = fill::recover(&folder) {
                tracing::warn!(volume = name, "cannot finish its copy-up: {e}");
            }
        }
        if !dead.is_empty() {
            // May be large, and nobody waits for it.
            std::thread::spawn(move || {
                for folder in dead {
                    if let Err(e) = remove::tree(&folder) {
                        tracing::warn!("{e}");
                    }
                }
            });
        }
        Ok(())
    }

    /// The volume of this name, made when it is missing; `user` holds it until [`Self::let_go`].
    pub fn ensure(&self, new: NewVolume, user: Option<&str>) -> Result<Made, Error> {
        if !matches!(new.driver.as_str(), "" | "local") {
            return Err(Error::UnknownDriver {
                name: new.name.to_string(),
                driver: new.driver,
            });
        }
        let options = Options::parse(&new.options).map_err(|reason| Error::Option {
            name: new.name.to_string(),
            reason,
        })?;
        let mut held = self.held();
        let made = match self.get(new.name.as_str()) {
            Ok(volume) => Made { volume, new: false },
            Err(Error::NotFound(_)) => Made {
                volume: self.create(new, &options)?,
                new: true,
            },
            Err(e) => return Err(e),
        };
        if let Some(user) = user {
            let name = made.volume.name.clone();
            held.entry(name).or_default().push(user.to_owned());
        }
        Ok(made)
    }

    fn create(&self, new: NewVolume, options: &Options) -> Result<Volume, Error> {
        // What an older daemon left half-made has no record.
        let stale = self.folder(&new.name);
        if stale.exists() {
            remove::tree(&stale)?;
        }
        let fresh = Fresh::new(&self.root)?;
        let mut volume = Volume {
            name: new.name,
            created: now(),
            labels: new.labels,
            anonymous: new.anonymous,
            options: new.options,
            snapshot_of: None,
            project: None,
        };
        self.limit(&fresh, &mut volume, options.size)?;
        fresh.publish(&volume, "create")?;
        Ok(volume)
    }

    fn limit(&self, fresh: &Fresh, volume: &mut Volume, size: u64) -> Result<(), Error> {
        if size == 0 {
            return Ok(());
        }
        let last = self.list()?.iter().filter_map(|v| v.project).max();
        let project = last.map_or(quota::FIRST_PROJECT, |last| last.wrapping_add(1));
        quota::limit(fresh.open_data()?, project, size).map_err(|reason| Error::Quota {
            name: volume.name.to_string(),
            reason,
        })?;
        volume.project = Some(project);
        Ok(())
    }

    /// A folder to be filled by the caller and then [`Self::publish`]ed.
    pub fn fresh(&self) -> Result<Fresh, Error> {
        Fresh::new(&self.root)
    }

    /// Makes a volume of what was filled; no error but [`Error::NameTaken`] leaves anything.
    pub fn publish(&self, fresh: Fresh, new: NewVolume) -> Result<Volume, Error> {
        let volume = Volume {
            name: new.name,
            created: now(),
            labels: new.labels,
            anonymous: new.anonymous,
            options: new.options,
            snapshot_of: None,
            project: None,
        };
        fresh.publish(&volume, "create")?;
        Ok(volume)
    }

    /// `user` needs no more than what the caller knows of it.
    pub fn let_go(&self, user: &str) {
        let mut held = self.held();
        held.retain(|_, users| {
            users.retain(|u| u != user);
            !users.is_empty()
        });
    }

    /// The volume of this name.
    pub fn get(&self, name: &str) -> Result<Volume, Error> {
        let name = VolumeName::new(name).map_err(|_| Error::NotFound(name.to_owned()))?;
        let record = self.folder(&name).join(RECORD);
        let bytes = match fs::read(&record) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NotFound(name.to_string()));
            }
            Err(e) => return Err(Error::file("read", record)(e)),
        };
        let mut volume: Volume = serde_json::from_slice(&bytes).map_err(|e| Error::Damaged {
            path: record,
            reason: e.to_string(),
        })?;
        volume.name = name;
        Ok(volume)
    }

    /// All volumes, by name. A damaged record is skipped and logged.
    pub fn list(&self) -> Result<Vec<Volume>, Error> {
        let mut found = Vec::new();
        for name in self.folders()? {
            match self.get(&name) {
                Ok(volume) => found.push(volume),
                Err(Error::NotFound(_)) => {}
                Err(e) => tracing::warn!(volume = name, "{e}"),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn folders(&self) -> Result<Vec<String>, Error> {
        let entries = fs::read_dir(&self.root).map_err(Error::file("list", &self.root))?;
        let names = entries.map(|entry| entry.map(|e| e.file_name().into_string().ok()));
        names
            .filter_map(Result::transpose)
            .collect::<io::Result<_>>()
            .map_err(Error::file("list", &self.root))
    }

    /// Removes a volume and its data, unless `users` finds containers that have it.
    pub fn remove(&self, name: &str, users: impl FnOnce() -> Vec<String>) -> Result<Volume, Error> {
        let volume = self.get(name)?;
        let gone = self.root.join(VolumeName::hidden("gone")?);
        {
            let held = self.held();
            let volume = self.get(name)?;
            refuse_users("remove", &volume.name, &held, users())?;
            let folder = self.folder(&volume.name);
            if volume.needs_mount() && driver_mount::is_mounted(&folder.join(DATA)) {
                driver_mount::unmount(&folder.join(DATA))?;
            }
            // One step: afterwards there is no such volume, whatever happens to its data.
            fs::rename(&folder, &gone).map_err(Error::file("rename", folder))?;
        }
        remove::tree(&gone)?;
        if let Some(project) = volume.project
            && let Ok(root) = self.open_root()
        {
            quota::lift(root, project);
        }
        Ok(volume)
    }

    /// Gives a volume another name, unless `users` finds containers that know it by the old one.
    pub fn rename(
        &self,
        name: &str,
        new: &VolumeName,
        users: impl FnOnce() -> Vec<String>,
    ) -> Result<Volume, Error> {
        let held = self.held();
        let volume = self.get(name)?;
        refuse_users("rename", &volume.name, &held, users())?;
        if volume.needs_mount() && driver_mount::is_mounted(&self.path(&volume.name)) {
            driver_mount::unmount(&self.path(&volume.name))?;
        }
        let (from, to) = (self.folder(&volume.name), self.folder(new));
        match renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
            Ok(()) => self.get(new.as_str()),
            Err(Errno::EXIST) => Err(Error::NameTaken {
                action: "rename",
                name: new.to_string(),
            }),
            Err(e) => Err(Error::file("rename", from)(e.into())),
        }
    }

    /// Makes a volume with a copy of another's data: sharing them until either writes where the
    /// file system can. A snapshot does not change afterwards.
    ///
    /// What containers write meanwhile may be in the copy or not.
    pub fn duplicate(&self, from: &str, new: NewVolume, snapshot: bool) -> Result<Volume, Error> {
        let source = self.get(from)?;
        let action = if snapshot { "snapshot" } else { "clone" };
        self.refuse_elsewhere(action, &source)?;
        if let Ok(taken) = self.get(new.name.as_str()) {
            return Err(Error::NameTaken {
                action: "create",
                name: taken.name.to_string(),
            });
        }
        let fresh = Fresh::new(&self.root)?;
        let mut volume = Volume {
            name: new.name,
            created: now(),
            labels: new.labels,
            anonymous: false,
            options: if snapshot {
                BTreeMap::new()
            } else {
                source.options.clone()
            },
            snapshot_of: snapshot.then(|| from.to_owned()),
            project: None,
        };
        {
            let size = volume.options().size;
            let _held = self.held();
            self.limit(&fresh, &mut volume, size)?;
        }
        copy::tree(self.open_data(&source.name)?.as_fd(), &fresh.data())?;
        fresh.publish(&volume, "create")?;
        Ok(volume)
    }

    /// Replaces a volume's data by a snapshot's, in one step, unless `users` finds containers that
    /// run with it.
    pub fn restore(
        &self,
        name: &str,
        snapshot: &str,
        users: impl FnOnce() -> Vec<String>,
    ) -> Result<(), Error> {
        let (volume, source) = (self.get(name)?, self.get(snapshot)?);
        Self::refuse_changes("restore", &volume)?;
        self.refuse_elsewhere("restore", &volume)?;
        if source.snapshot_of.as_deref() != Some(name) {
            return Err(Error::NoSnapshot {
                name: name.to_owned(),
                snapshot: snapshot.to_owned(),
            });
        }
        let fresh = Fresh::new(&self.root)?;
        if let Some(project) = volume.project {
            quota::limit(fresh.open_data()?, project, volume.options().size).map_err(|reason| {
                Error::Quota {
                    name: name.to_owned(),
                    reason,
                }
            })?;
        }
        copy::tree(self.open_data(&source.name)?.as_fd(), &fresh.data())?;
        let held = self.held();
        refuse_users("restore", &volume.name, &held, users())?;
        let (new, old) = (fresh.data(), self.path(&volume.name));
        // The old data are in `fresh` then, and go with it.
        renameat_with(CWD, &new, CWD, &old, RenameFlags::EXCHANGE)
            .map_err(|e| Error::file("exchange the data in", old)(e.into()))
    }

    /// The host directory that is mounted into containers.
    pub fn path(&self, name: &VolumeName) -> PathBuf {
        self.folder(name).join(DATA)
    }

    /// The same, opened for listing.
    pub fn open_data(&self, name: &VolumeName) -> Result<OwnedFd, Error> {
        let path = self.path(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(CWD, &path, flags, Mode::empty()).map_err(|e| Error::file("open", path)(e.into()))
    }

    /// Bytes of file content in a volume.
    pub fn size(&self, name: &VolumeName) -> u64 {
        usage::bytes(&self.path(name))
    }

    /// Mounts what the volume's options ask for, if they do and it is not mounted already;
    /// `resolve` finds a server's address.
    pub fn mount(
        &self,
        volume: &Volume,
        resolve: &dyn Fn(&str) -> Result<IpAddr, String>,
    ) -> Result<(), Error> {
        if !volume.needs_mount() {
            return Ok(());
        }
        let path = self.path(&volume.name);
        self.busy.with(volume.name.as_str(), || {
            if driver_mount::is_mounted(&path) {
                return Ok(());
            }
            driver_mount::mount(&volume.options(), &path, resolve)
        })
    }

    /// Unmounts that again, if nobody uses it any more.
    pub fn unmount(&self, volume: &Volume, is_used: impl FnOnce() -> bool) -> Result<(), Error> {
        if !volume.needs_mount() {
            return Ok(());
        }
        let path = self.path(&volume.name);
        self.busy.with(volume.name.as_str(), || {
            if is_used() || !driver_mount::is_mounted(&path) {
                return Ok(());
            }
            driver_mount::unmount(&path)
        })
    }

    /// Copies what the image has at the mount point into a volume that is still empty, with owners,
    /// modes, times and extended attributes; the volume's own folder takes the mount point's owner
    /// and mode.
    ///
    /// `from` is the directory in the container's root, opened within that root.
    pub fn fill(&self, volume: &Volume, from: BorrowedFd<'_>) -> Result<(), Error> {
        if volume.snapshot_of.is_some() {
            return Ok(());
        }
        let folder = self.folder(&volume.name);
        self.busy.with(volume.name.as_str(), || {
            if volume.needs_mount() {
                fill::fill_mounted(&folder, from)
            } else {
                fill::fill(&folder, from)
            }
        })
    }

    fn folder(&self, name: &VolumeName) -> PathBuf {
        self.root.join(name.as_str())
    }

    fn open_root(&self) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, &self.root, flags, Mode::empty())
    }

    fn held(&self) -> MutexGuard<'_, HashMap<VolumeName, Vec<String>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse_changes(action: &'static str, volume: &Volume) -> Result<(), Error> {
        match &volume.snapshot_of {
            None => Ok(()),
            Some(of) => Err(Error::Immutable {
                action,
                name: volume.name.to_string(),
                of: of.clone(),
            }),
        }
    }

    /// What is on a mount of its own is not ours to copy, and is not there while nobody uses it.
    pub fn refuse_elsewhere(&self, action: &'static str, volume: &Volume) -> Result<(), Error> {
        if !volume.needs_mount() {
            return Ok(());
        }
        Err(Error::Elsewhere {
            action,
            name: volume.name.to_string(),
            kind: volume.options().kind,
        })
    }
}

fn refuse_users(
    action: &'static str,
    name: &VolumeName,
    held: &HashMap<VolumeName, Vec<String>>,
    mut users: Vec<String>,
) -> Result<(), Error> {
    for user in held.get(name).into_iter().flatten() {
        if !users.contains(user) {
            users.push(user.clone());
        }
    }
    if users.is_empty() {
        return Ok(());
    }
    Err(Error::InUse {
        action,
        name: name.to_string(),
        users: users.join(", "),
    })
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests;
