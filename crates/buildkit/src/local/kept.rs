//! Folders that are kept.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use gantry_archive::Digester;
use gantry_builder::{Context, Digests, Error, Told};
use gantry_dockerfile::Ignore;
use gantry_sys::placement;
use tokio::sync::OwnedMutexGuard;

use super::line::Line;
use crate::session::{Session, Sync};

/// Where folders are kept.
pub(crate) struct Locals {
    root: PathBuf,
    /// One build at a time writes into a folder or reads it.
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// The states of kept folders that no build has changed since: what is not there may be anything.
    states: Mutex<HashMap<PathBuf, u64>>,
    next_state: AtomicU64,
}

/// A folder while a build uses it.
#[derive(Debug)]
pub(crate) enum Place {
    /// Kept for the next build.
    Kept {
        path: PathBuf,
        _lock: OwnedMutexGuard<()>,
    },
    /// Another build has the kept one.
    Lent(tempfile::TempDir),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::Kept { path, .. } => path,
            Self::Lent(folder) => folder.path(),
        }
    }
}

impl Locals {
    /// Opens the folder of folders.
    pub(crate) fn open(root: PathBuf) -> Result<Self, Error> {
        let failed = |error| Error::Asker(format!("cannot create {}: {error}", root.display()));
        fs::create_dir_all(&root).map_err(failed)?;
        // What was lent when the daemon was killed.
        for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(LENT) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        if let Ok(folder) = fs::File::open(&root) {
            placement::spread(folder);
        }
        Ok(Self {
            root,
            locks: Mutex::default(),
            states: Mutex::default(),
            next_state: AtomicU64::default(),
        })
    }

    /// A new folder under a name that no other ever had: see [`placement::spread`].
    fn fresh(&self) -> std::io::Result<tempfile::TempDir> {
        let readable = fs::Permissions::from_mode(0o755);
        let mut folder = tempfile::Builder::new();
        folder.prefix(LENT).permissions(readable);
        folder.tempdir_in(&self.root)
    }

    /// The folder that was used with this key before, if nobody else uses it now.
    fn place(&self, key: &str) -> Result<Place, Error> {
        let name = Digester::sha256(key.as_bytes()).hex().to_owned();
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds need not be remembered.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(name.clone()).or_default())
        };
        let failed = |error| Error::Asker(format!("cannot make a folder for a context: {error}"));
        let Ok(lock) = lock.try_lock_owned() else {
            return Ok(Place::Lent(self.fresh().map_err(failed)?));
        };
        let path = self.root.join(name);
        if !path.exists() {
            let folder = self.fresh().map_err(failed)?;
            fs::rename(folder.keep(), &path).map_err(failed)?;
        }
        // Pruning removes what was not used for long.
        let now = fs::FileTimes::new().set_modified(SystemTime::now());
        let _ = fs::File::open(&path).and_then(|folder| folder.set_times(now));
        // How often is shown to people, and no build fails for it.
        let mut uses = fs::File::options();
        uses.create(true).append(true);
        let _ = uses
            .open(path.with_extension(USES))
            .and_then(|mut uses| uses.write_all(b"."));
        Ok(Place::Kept { path, _lock: lock })
    }

    /// The folders that are kept.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let known = entry.metadata().ok().filter(fs::Metadata::is_dir)?;
                if name.starts_with(LENT) {
                    return None;
                }
                let path = entry.path();
                let used = known.modified().ok()?;
                Some(Kept {
                    name,
                    size: gantry_snapshot::size_of_tree(&path).unwrap_or_default(),
                    created: known.created().unwrap_or(used),
                    used,
                    uses: fs::metadata(path.with_extension(USES)).map_or(1, |uses| uses.len()),
                })
            })
            .collect()
    }

    /// Removes a folder that is kept, if no build uses it now.
    pub(crate) fn forget(&self, name: &str) -> bool {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name.to_owned()).or_default())
        };
        let Ok(_lock) = lock.try_lock_owned() else {
            return false;
        };
        let path = self.root.join(name);
        self.states().remove(&path);
        for beside in [digests_of(&path), path.with_extension(USES)] {
            let _ = fs::remove_file(beside);
        }
        fs::remove_dir_all(path).is_ok()
    }

    /// Brings a folder.
    async fn bring(
        &self,
        session: &Session,
        wanted: &Sync,
        part: impl Fn(u64) + Send + std::marker::Sync + 'static,
    ) -> Result<Brought, Error> {
        let place = self.place(&format!("{}:{}", wanted.name, session.shared_key()))?;
        let digests = match &place {
            Place::Kept { path, .. } => Some(Arc::new(Digests::open(digests_of(path)))),
            Place::Lent(_) => None,
        };
        let failed = |error: std::io::Error| Error::Asker(format!("cannot open a folder: {error}"));
        let root = fs::File::open(place.path()).map_err(failed)?;
        // Until it has come whole, nobody knows what the folder is.
        let before = self.states().remove(place.path());
        let received = session
            .sync(wanted, root.into(), digests.clone(), part)
            .await?;
        let state = before
            .filter(|_| !received.changed)
            .unwrap_or_else(|| self.next_state.fetch_add(1, Ordering::Relaxed));
        if let Place::Kept { path, .. } = &place {
            self.states().insert(path.clone(), state);
        }
        Ok(Brought {
            place,
            digests,
            state,
            bytes: received.bytes,
        })
    }

    /// Brings a folder as a context; `part` is told how far it is, under the name `shown`.
    pub(crate) async fn context(
        &self,
        session: &Session,
        wanted: &Sync,
        ignore: Ignore,
        shown: &'static str,
        part: &(dyn Fn(Told) + Send + std::marker::Sync),
    ) -> Result<Arc<Context>, Error> {
        let line = Line::new(shown);
        let (counted, total) = (Arc::clone(&line.bytes), Arc::clone(&line.bytes));
        let brought = self.bring(session, wanted, move |bytes| {
            counted.store(bytes, Ordering::Relaxed);
        });
        let brought = line.drawn(brought, part).await?;
        total.store(brought.bytes, Ordering::Relaxed);
        part(line.told(true));
        let path = brought.place.path().to_owned();
        let context = Context::new(path, ignore, brought.place)?.in_state(brought.state);
        Ok(Arc::new(match brought.digests {
            Some(digests) => context.remembering(digests),
            None => context,
        }))
    }

    fn states(&self) -> MutexGuard<'_, HashMap<PathBuf, u64>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A folder that was brought.
struct Brought {
    place: Place,
    /// What is known of the files' contents, where the folder is kept.
    digests: Option<Arc<Digests>>,
    /// The same as before only if nothing is different.
    state: u64,
    /// How much travelled.
    bytes: u64,
}

/// Where the digests of a kept folder's files are.
fn digests_of(path: &Path) -> PathBuf {
    path.with_extension("digests")
}

const LENT: &str = "lent-";
/// Beside a folder: a byte for each time that it was used.
const USES: &str = "uses";

/// A folder that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub name: String,
    /// Bytes.
    pub size: u64,
    pub created: SystemTime,
    /// When a build had it last.
    pub used: SystemTime,
    /// How often builds have had it.
    pub uses: u64,
}
