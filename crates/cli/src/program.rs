//! The name that we go by.

use std::ffi::OsStr;
use std::path::Path;

/// The name that we were called by: called as `docker`, we print `docker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    /// In commands: `gantry`.
    pub(crate) name: &'static str,
    /// In sentences: `Gantry`.
    pub(crate) proper: &'static str,
}

impl Program {
    pub(crate) const GANTRY: Self = Self {
        name: "gantry",
        proper: "Gantry",
    };
    pub(crate) const DOCKER: Self = Self {
        name: "docker",
        proper: "Docker",
    };

    /// From the first word of the command line.
    pub(crate) fn called(word: Option<&OsStr>) -> Self {
        match word.and_then(|word| Path::new(word).file_name()) {
            Some(name) if name == "docker" => Self::DOCKER,
            _ => Self::GANTRY,
        }
    }
}
