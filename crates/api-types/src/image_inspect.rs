//! One image in full.

use std::collections::BTreeMap;

use crate::config::Healthcheck;
use crate::container::GraphDriver;
use crate::image::Descriptor;
use crate::json::{NameSet, body};

body! {
    /// What an image says about containers made from it.
    pub struct ImageConfig {
        /// `user[:group]`.
        user: String => "User",
        /// Ports.
        exposed_ports: NameSet => "ExposedPorts" omitempty,
        /// `NAME=value`.
        env: Vec<String> => "Env" null,
        /// Program in front of the command.
        entrypoint: Vec<String> => "Entrypoint" null,
        /// Command.
        cmd: Vec<String> => "Cmd" null,
        /// Paths that become volumes.
        volumes: NameSet => "Volumes" null,
        /// Working directory.
        working_dir: String => "WorkingDir",
        /// Labels.
        labels: BTreeMap<String, String> => "Labels" null,
        /// Signal of `stop`.
        stop_signal: String => "StopSignal" omitempty,
        /// Windows only.
        args_escaped: bool => "ArgsEscaped" omitempty,
        /// Health check.
        healthcheck: Option<Healthcheck> => "Healthcheck" omitempty,
        /// Instructions for builds on this image.
        on_build: Vec<String> => "OnBuild" null,
        /// Shell.
        shell: Vec<String> => "Shell" omitempty,
    }

    /// An image's layers.
    pub struct RootFs {
        /// `layers`.
        kind: String => "Type" omitempty,
        /// Digests of the uncompressed layers, lowest first.
        layers: Vec<String> => "Layers" omitempty,
    }

    /// What this host knows of an image.
    pub struct ImageMetadata {
        /// RFC 3339, or the zero time.
        last_tag_time: String => "LastTagTime",
    }

    /// `GET /images/{name}/json`.
    pub struct ImageInspect {
        /// `sha256:...`, the configuration's digest.
        id: String => "Id",
        /// `name:tag`.
        repo_tags: Vec<String> => "RepoTags",
        /// `name@sha256:...`.
        repo_digests: Vec<String> => "RepoDigests",
        /// Image that it was built from.
        parent: String => "Parent",
        /// Comment.
        comment: String => "Comment",
        /// RFC 3339.
        created: String => "Created" omitempty,
        /// Who built it.
        docker_version: String => "DockerVersion",
        /// Author.
        author: String => "Author",
        /// What it says about containers.
        config: Option<ImageConfig> => "Config",
        /// `amd64`, ...
        architecture: String => "Architecture",
        /// `v7`, `v8`.
        variant: String => "Variant" omitempty,
        /// `linux`.
        os: String => "Os",
        /// Windows only.
        os_version: String => "OsVersion" omitempty,
        /// Bytes.
        size: i64 => "Size",
        /// Storage.
        graph_driver: GraphDriver => "GraphDriver",
        /// Layers.
        root_fs: RootFs => "RootFS",
        /// Local facts.
        metadata: ImageMetadata => "Metadata",
        /// Manifest.
        descriptor: Option<Descriptor> => "Descriptor" omitempty,
    }
}
