//! Volumes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::json::body;

body! {
    /// How much a volume holds.
    pub struct VolumeUsage {
        /// Containers that use it; -1 is "not counted".
        ref_count: i64 => "RefCount",
        /// Bytes; -1 is "not counted".
        size: i64 => "Size",
    }

    /// A volume.
    pub struct Volume {
        /// RFC 3339.
        created_at: String => "CreatedAt" omitempty,
        /// Driver.
        driver: String => "Driver",
        /// Labels.
        labels: Option<BTreeMap<String, String>> => "Labels",
        /// Path on the host.
        mountpoint: String => "Mountpoint",
        /// Name.
        name: String => "Name",
        /// Driver's options.
        options: Option<BTreeMap<String, String>> => "Options",
        /// `local` or `global`.
        scope: String => "Scope",
        /// What the driver says.
        status: BTreeMap<String, Value> => "Status" omitempty,
        /// What makes it a volume of a swarm.
        cluster_volume: Option<Value> => "ClusterVolume" omitempty,
        /// Only in `/system/df`.
        usage_data: Option<VolumeUsage> => "UsageData" omitempty,
    }

    /// `GET /volumes`.
    pub struct VolumeListing {
        /// Volumes.
        volumes: Vec<Volume> => "Volumes",
        /// What the user should know.
        warnings: Option<Vec<String>> => "Warnings",
    }

    /// `POST /volumes/create`.
    pub struct VolumeCreateRequest {
        /// Driver; empty is `local`.
        driver: String => "Driver" omitempty,
        /// Driver's options.
        driver_opts: BTreeMap<String, String> => "DriverOpts" omitempty,
        /// Labels.
        labels: BTreeMap<String, String> => "Labels" omitempty,
        /// Name; empty is a random one.
        name: String => "Name" omitempty,
        /// What makes it a volume of a swarm.
        cluster_volume_spec: Option<Value> => "ClusterVolumeSpec" omitempty,
    }
}
