//! Versions.

use std::collections::BTreeMap;

use crate::json::body;

body! {
    /// The product.
    pub struct VersionPlatform {
        /// Its name.
        name: String => "Name",
    }

    /// A part of the engine.
    pub struct VersionComponent {
        /// Name.
        name: String => "Name",
        /// Version.
        version: String => "Version",
        /// More.
        details: BTreeMap<String, String> => "Details" omitempty,
    }

    /// `GET /version`.
    pub struct Version {
        /// The product.
        platform: VersionPlatform => "Platform",
        /// Its parts.
        components: Vec<VersionComponent> => "Components" omitempty,
        /// Engine's version.
        version: String => "Version",
        /// Newest API version.
        api_version: String => "ApiVersion",
        /// Oldest API version.
        min_api_version: String => "MinAPIVersion" omitempty,
        /// Commit.
        git_commit: String => "GitCommit",
        /// Compiler; Docker's clients print this key.
        go_version: String => "GoVersion",
        /// `linux`.
        os: String => "Os",
        /// `amd64`, ...
        arch: String => "Arch",
        /// Kernel.
        kernel_version: String => "KernelVersion" omitempty,
        /// Experimental features on.
        experimental: bool => "Experimental" omitempty,
        /// RFC 3339.
        build_time: String => "BuildTime" omitempty,
    }
}
