//! What is kept of a container between commands: `<root>/<id>/`.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use gantry_cgroups::{Cgroup, Hierarchy};
use gantry_oci::{RUNTIME_SPEC_VERSION, Spec, State, Status};
use rustix::fs::{CWD, Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, process};

/// All containers below a root.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
}

/// What is written down when a container is created.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) bundle: PathBuf,
    pub(crate) rootfs: PathBuf,
    pub(crate) pid: i32,
    /// Of `/proc/PID/stat`: another process may get the number later.
    pub(crate) start_time: u64,
    pub(crate) cgroup: String,
    pub(crate) created: String,
}

/// A container that was created.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) record: Record,
    pub(crate) directory: PathBuf,
}

const RECORD: &str = "state.json";
const SPEC: &str = "config.json";
const GATE: &str = "exec.fifo";

impl Store {
    pub(crate) fn at(root: &str) -> Self {
        Self { root: root.into() }
    }

    /// A directory for a new container; its gate is open.
    pub(crate) fn reserve(&self, id: &str) -> Result<Reserved> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+-.".contains(&b);
        if id.is_empty() || matches!(id, "." | "..") || !id.bytes().all(allowed) {
            return Err(Error::InvalidId(id.to_owned()));
        }
        fs::create_dir_all(&self.root).map_err(Error::file("create", &self.root))?;
        let directory = self.root.join(id);
        match rustix::fs::mkdir(&directory, Mode::from(0o711)) {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) => return Err(Error::Exists),
            Err(errno) => return Err(Error::file("create", &directory)(errno.into())),
        }
        let mut reserved = Reserved {
            directory,
            kept: false,
            gate: None,
        };
        reserved.gate = Some(reserved.make_gate()?);
        Ok(reserved)
    }

    pub(crate) fn find(&self, id: &str) -> Result<Container> {
        let directory = self.root.join(id);
        let path = directory.join(RECORD);
        let plain = !id.is_empty() && !id.contains('/') && !matches!(id, "." | "..");
        match fs::read(&path) {
            Ok(text) if plain => Ok(Container {
                record: serde_json::from_slice(&text)
                    .map_err(|source| Error::Json { path, source })?,
                directory,
            }),
            _ => Err(Error::NoContainer),
        }
    }

    pub(crate) fn list(&self) -> Vec<Container> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut ids: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        ids.sort();
        ids.iter().filter_map(|id| self.find(id).ok()).collect()
    }
}

/// A container's directory, removed again unless the container comes to be.
#[derive(Debug)]
pub(crate) struct Reserved {
    directory: PathBuf,
    kept: bool,
    gate: Option<OwnedFd>,
}

impl Reserved {
    fn make_gate(&self) -> Result<OwnedFd> {
        let path = self.directory.join(GATE);
        let failed = |errno: rustix::io::Errno| Error::file("create", &path)(errno.into());
        rustix::fs::mkfifoat(CWD, &path, Mode::from(0o600)).map_err(failed)?;
        // Both ways, so that reading never ends and nobody has to be there to open it.
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        rustix::fs::open(&path, flags, Mode::empty()).map_err(failed)
    }

    /// Where the process waits for its start.
    pub(crate) fn gate(&self) -> Option<&OwnedFd> {
        self.gate.as_ref()
    }

    pub(crate) fn keep(mut self, record: Record, spec: &Spec) -> Result<Container> {
        let container = Container {
            record,
            directory: self.directory.clone(),
        };
        container.write(SPEC, spec)?;
        container.write(RECORD, &container.record)?;
        self.kept = true;
        Ok(container)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

impl Container {
    fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let path = self.directory.join(name);
        let text = serde_json::to_vec(value).map_err(|source| Error::Json {
            path: path.clone(),
            source,
        })?;
        fs::write(&path, text).map_err(Error::file("write", &path))
    }

    /// The configuration at its creation.
    pub(crate) fn spec(&self) -> Result<Spec> {
        read_spec(&self.directory.join(SPEC))
    }

    pub(crate) fn cgroup(&self) -> Result<Cgroup> {
        Ok(Hierarchy::detect()?.open(&self.record.cgroup)?)
    }

    pub(crate) fn gate(&self) -> PathBuf {
        self.directory.join(GATE)
    }

    pub(crate) fn status(&self) -> Status {
        if !process::lives(self.record.pid, self.record.start_time) {
            return Status::Stopped;
        }
        if self.cgroup().is_ok_and(|c| c.is_frozen().unwrap_or(false)) {
            return Status::Paused;
        }
        if self.gate().exists() {
            Status::Created
        } else {
            Status::Running
        }
    }

    pub(crate) fn state(&self, status: Status, spec: &Spec) -> State {
        State {
            oci_version: RUNTIME_SPEC_VERSION.to_owned(),
            id: self.record.id.clone(),
            status,
            pid: match status {
                Status::Stopped => None,
                _ => u32::try_from(self.record.pid).ok(),
            },
            bundle: self.record.bundle.clone(),
            annotations: spec.annotations.clone(),
        }
    }

    /// Forgets it.
    pub(crate) fn forget(&self) -> Result<()> {
        match fs::remove_dir_all(&self.directory) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("remove", &self.directory)(e))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn read_spec(path: &Path) -> Result<Spec> {
    let text = fs::read(path).map_err(Error::file("read", path))?;
    serde_json::from_slice(&text).map_err(|source| Error::Json {
        path: path.to_owned(),
        source,
    })
}
