//! A file system context (fsopen(2), fsconfig(2), fsmount(2)) whose failures say why.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_fd, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

/// A step of a mount that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
pub(crate) struct MountFailure {
    /// What was asked of the kernel, and what it said beyond the error number.
    pub(crate) step: String,
    pub(crate) source: io::Error,
}

impl MountFailure {
    pub(crate) fn new(step: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self {
            step: step.into(),
            source: source.into(),
        }
    }
}

/// For `map_err`: names the step that failed.
pub(super) fn failed<E: Into<io::Error>>(step: &str) -> impl FnOnce(E) -> MountFailure + '_ {
    move |source| MountFailure::new(step, source)
}

pub(super) struct Context {
    fd: OwnedFd,
    kind: &'static str,
}

impl Context {
    pub(super) fn open(kind: &'static str) -> Result<Self, MountFailure> {
        let fd = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
            .map_err(|e| MountFailure::new(format!("fsopen {kind}"), e))?;
        Ok(Self { fd, kind })
    }

    /// Values of 256 bytes and more are refused by the kernel.
    pub(super) fn string(&self, key: &str, value: &str) -> Result<(), MountFailure> {
        self.check(
            &format!("{key}={value}"),
            fsconfig_set_string(&self.fd, key, value),
        )
    }

    pub(super) fn descriptor(&self, key: &str, value: impl AsFd) -> Result<(), MountFailure> {
        self.check(key, fsconfig_set_fd(&self.fd, key, value))
    }

    pub(super) fn flag(&self, key: &str) -> Result<(), MountFailure> {
        self.check(key, fsconfig_set_flag(&self.fd, key))
    }

    /// Makes the file system and a detached mount of it.
    pub(super) fn mount(&self, attributes: MountAttrFlags) -> Result<OwnedFd, MountFailure> {
        self.check("create", fsconfig_create(&self.fd))?;
        let mount = fsmount(&self.fd, FsMountFlags::FSMOUNT_CLOEXEC, attributes);
        mount.map_err(|e| MountFailure::new(format!("fsmount {}", self.kind), e))
    }

    fn check(&self, step: &str, result: rustix::io::Result<()>) -> Result<(), MountFailure> {
        result.map_err(|source| {
            let said = self.messages();
            let step = format!("{} {step}{said}", self.kind);
            MountFailure {
                step,
                source: source.into(),
            }
        })
    }

    /// What the kernel logged into the context, each message one read.
    fn messages(&self) -> String {
        let mut said = String::new();
        let mut buffer = [0; 1024];
        while let Ok(len) = rustix::io::read(&self.fd, &mut buffer) {
            if len == 0 {
                break;
            }
            let message = String::from_utf8_lossy(&buffer[..len]);
            said.push_str(" (");
            said.push_str(message.trim_end());
            said.push(')');
        }
        said
    }
}
