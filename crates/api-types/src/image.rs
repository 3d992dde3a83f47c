//! Images: list, history, delete, search, distribution.

use std::collections::BTreeMap;

use crate::json::body;

body! {
    /// A platform.
    pub struct Platform {
        /// `amd64`, ...
        architecture: String => "architecture",
        /// `linux`.
        os: String => "os",
        /// Windows version.
        os_version: String => "os.version" omitempty,
        /// Windows features.
        os_features: Vec<String> => "os.features" omitempty,
        /// `v7`, `v8`.
        variant: String => "variant" omitempty,
    }

    /// A blob in a registry, by the OCI image specification.
    pub struct Descriptor {
        /// Media type.
        media_type: String => "mediaType",
        /// `sha256:...`.
        digest: String => "digest",
        /// Bytes.
        size: i64 => "size",
        /// Other places.
        urls: Vec<String> => "urls" omitempty,
        /// Annotations.
        annotations: BTreeMap<String, String> => "annotations" omitempty,
        /// The content itself, base64.
        data: String => "data" omitempty,
        /// Platform.
        platform: Option<Platform> => "platform" omitempty,
        /// Kind of artifact.
        artifact_type: String => "artifactType" omitempty,
    }

    /// `GET /images/json`, one entry.
    pub struct ImageSummary {
        /// Containers that use it; -1 is "not counted".
        containers: i64 => "Containers",
        /// Unix seconds.
        created: i64 => "Created",
        /// `sha256:...`.
        id: String => "Id",
        /// Labels.
        labels: Option<BTreeMap<String, String>> => "Labels",
        /// Image that it was built from.
        parent_id: String => "ParentId",
        /// Manifest.
        descriptor: Option<Descriptor> => "Descriptor" omitempty,
        /// `name@sha256:...`.
        repo_digests: Option<Vec<String>> => "RepoDigests",
        /// `name:tag`.
        repo_tags: Option<Vec<String>> => "RepoTags",
        /// Bytes shared with others; -1 is "not counted".
        shared_size: i64 => "SharedSize",
        /// Bytes.
        size: i64 => "Size",
    }

    /// `DELETE /images/{name}`, one entry.
    pub struct ImageDeleteItem {
        /// Image that is gone.
        deleted: String => "Deleted" omitempty,
        /// Name that is gone.
        untagged: String => "Untagged" omitempty,
    }

    /// `GET /images/{name}/history`, one entry.
    pub struct HistoryItem {
        /// Comment.
        comment: String => "Comment",
        /// Unix seconds.
        created: i64 => "Created",
        /// Instruction.
        created_by: String => "CreatedBy",
        /// Image id, or `<missing>`.
        id: String => "Id",
        /// Bytes.
        size: i64 => "Size",
        /// Names of it.
        tags: Option<Vec<String>> => "Tags",
    }

    /// `GET /images/search`, one entry.
    pub struct SearchResult {
        /// Stars.
        star_count: i64 => "star_count",
        /// Docker's own.
        is_official: bool => "is_official",
        /// Name.
        name: String => "name",
        /// Always false.
        is_automated: bool => "is_automated",
        /// Description.
        description: String => "description",
    }

    /// `GET /distribution/{name}/json`.
    pub struct DistributionInspect {
        /// What the name leads to.
        descriptor: Descriptor => "Descriptor",
        /// Platforms.
        platforms: Option<Vec<Platform>> => "Platforms",
    }
}
