//! Docker's profile format.

use gantry_oci::Seccomp;

use crate::{Error, KernelVersion};

/// A profile as Docker's JSON writes it.
#[derive(Debug, Clone)]
pub struct Profile {}

impl Profile {
    /// Reads a profile.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let _ = json;
        Ok(Self {})
    }

    /// The rules that hold for a container with these capabilities (`CAP_SYS_ADMIN`) on a kernel.
    pub fn resolve(
        &self,
        capabilities: &[impl AsRef<str>],
        kernel: KernelVersion,
    ) -> Result<Seccomp, Error> {
        let _ = (capabilities, kernel);
        Ok(Seccomp::default())
    }
}

/// The filter that Docker applies when none is named, for a container with these capabilities
/// (`CAP_SYS_ADMIN`) on a kernel.
pub fn default_profile(capabilities: &[impl AsRef<str>], kernel: KernelVersion) -> Seccomp {
    let _ = (capabilities, kernel);
    Seccomp::default()
}
