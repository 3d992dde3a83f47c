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

    /// `POST /build/prune`.
    pub struct BuildPruneReport {
        /// Cache ids.
        caches_deleted: Option<Vec<String>> => "CachesDeleted",
        /// Bytes.
        space_reclaimed: u64 => "SpaceReclaimed",
    }
}
