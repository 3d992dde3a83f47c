//! Reports of `prune`.

use crate::image::ImageDeleteItem;
use crate::json::body;

body! {
    /// `POST /containers/prune`.
    pub struct ContainersPruneReport {
        /// Ids.
        containers_deleted: Option<Vec<String>> => "ContainersDeleted",
        /// Bytes.
        space_reclaimed: u64 => "SpaceReclaimed",
    }

    /// `POST /images/prune`.
    pub struct ImagesPruneReport {
        /// What went.
        images_deleted: Option<Vec<ImageDeleteItem>> => "ImagesDeleted",
        /// Bytes.
        space_reclaimed: u64 => "SpaceReclaimed",
    }

    /// `POST /networks/prune`.
    pub struct NetworksPruneReport {
        /// Names.
        networks_deleted: Option<Vec<String>> => "NetworksDeleted",
    }

    /// `POST /volumes/prune`.
    pub struct VolumesPruneReport {
        /// Names.
        volumes_deleted: Option<Vec<String>> => "VolumesDeleted",
        /// Bytes.
        space_reclaimed: u64 => "SpaceReclaimed",
    }

    /// One entry of the build cache.
    pub struct BuildCache {
        /// Its name.
        id: String => "ID",
        /// `regular`, `exec.cachemount`, ...
        kind: String => "Type",
        /// What made it.
        description: String => "Description",
        /// A build uses it.
        in_use: bool => "InUse",
        /// An image has it, too.
        shared: bool => "Shared",
        /// Bytes.
        size: i64 => "Size",
        /// RFC 3339.
        created_at: String => "CreatedAt",
        /// RFC 3339.
        last_used_at: Option<String> => "LastUsedAt",
        /// How often it was used.
        usage_count: i64 => "UsageCount",
    }

    /// Ours: a cache of `RUN --mount=type=cache`.
    pub struct CacheMount {
        /// As steps call it.
        id: String => "ID",
        /// Its directory's name.
        name: String => "Name",
        /// What tells it from others of the same id.
        variant: String => "Variant",
        /// Bytes.
        size: i64 => "Size",
        /// RFC 3339.
        last_used_at: String => "LastUsedAt",
    }

    /// `POST /build/prune`.
    pub struct BuildPruneReport {
        /// Cache ids.
        caches_deleted: Option<Vec<String>> => "CachesDeleted",
        /// Bytes.
        space_reclaimed: u64 => "SpaceReclaimed",
    }
}
