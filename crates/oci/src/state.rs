//! What a runtime tells of a container (runtime-spec, `runtime.md#state`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A container's state, as hooks read it from standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The runtime-spec version.
    #[serde(rename = "ociVersion")]
    pub oci_version: String,
    /// The container's ID.
    pub id: String,
    /// Where it is in its life.
    pub status: Status,
    /// Its first process, as the reader sees it; missing once there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pid: Option<u32>,
    /// The directory of `config.json`, absolute.
    pub bundle: PathBuf,
    /// Those of the configuration.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub annotations: BTreeMap<String, String>,
}

/// Where a container is in its life; `paused` is not the specification's but every runtime's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made.
    Creating,
    /// Made, its program not executed yet.
    Created,
    /// Its program runs.
    Running,
    /// Frozen.
    Paused,
    /// Its first process has ended.
    Stopped,
}

impl Status {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}
