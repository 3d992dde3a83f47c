//! What was asked for and could not be had.

use std::fmt;

use crate::Controller;

/// A limit that was left out because this kernel or machine cannot do it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The controller is not there, so the named limit was discarded.
    NoController {
        /// Which controller.
        controller: Controller,
        /// The limit, as a person would name it.
        limit: &'static str,
    },
    /// The kernel lacks the file of a setting.
    NotSupported {
        /// The limit, as a person would name it.
        limit: &'static str,
        /// The file that is missing or refuses.
        file: String,
    },
    /// A setting that only the other cgroup version has.
    OtherVersion {
        /// The limit, as a person would name it.
        limit: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoController { controller, limit } => write!(
                f,
                "Your kernel does not support {limit} (the {controller} cgroup controller is not \
                 available). Limitation discarded."
            ),
            Self::NotSupported { limit, file } => write!(
                f,
                "Your kernel does not support {limit} ({file} is missing or refuses it). \
                 Limitation discarded."
            ),
            Self::OtherVersion { limit } => {
                write!(
                    f,
                    "This cgroup version does not support {limit}. Limitation discarded."
                )
            }
        }
    }
}
