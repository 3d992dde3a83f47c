//! Mounts as they are asked for and as they are reported.

use std::collections::BTreeMap;

use crate::json::{Nothing, body};

body! {
    /// A mount as asked for (`--mount`).
    pub struct Mount {
        /// `bind`, `volume`, `tmpfs`, `image`, `npipe` or `cluster`.
        kind: String => "Type" omitempty,
        /// Host path, volume name or image.
        source: String => "Source" omitempty,
        /// Path inside.
        target: String => "Target" omitempty,
        /// Read-only.
        read_only: bool => "ReadOnly" omitempty,
        /// Accepted for Docker Desktop's sake.
        consistency: String => "Consistency" omitempty,
        /// For `bind`.
        bind_options: Option<BindOptions> => "BindOptions" omitempty,
        /// For `volume`.
        volume_options: Option<VolumeOptions> => "VolumeOptions" omitempty,
        /// For `image`.
        image_options: Option<ImageOptions> => "ImageOptions" omitempty,
        /// For `tmpfs`.
        tmpfs_options: Option<TmpfsOptions> => "TmpfsOptions" omitempty,
        /// For `cluster`.
        cluster_options: Option<Nothing> => "ClusterOptions" omitempty,
        /// Ours: the user to whom the source's owner is changed inside (`bind`, `volume`), or who
        /// owns it (`tmpfs`).
        uid: Option<u32> => "UID" omitempty,
        /// Ours: the same for the group.
        gid: Option<u32> => "GID" omitempty,
        /// Ours: ranges of owners, `uids=DISK-INSIDE-COUNT[#...];gids=...`.
        id_map: String => "IDMap" omitempty,
    }

    /// Options of a bind mount.
    pub struct BindOptions {
        /// `rprivate`, `private`, `rshared`, `shared`, `rslave` or `slave`.
        propagation: String => "Propagation" omitempty,
        /// Do not take the mounts below the source.
        non_recursive: bool => "NonRecursive" omitempty,
        /// Make the source if it is missing.
        create_mountpoint: bool => "CreateMountpoint" omitempty,
        /// Make only the top mount read-only.
        read_only_non_recursive: bool => "ReadOnlyNonRecursive" omitempty,
        /// Fail if the mounts below cannot be made read-only.
        read_only_force_recursive: bool => "ReadOnlyForceRecursive" omitempty,
    }

    /// Options of a volume mount.
    pub struct VolumeOptions {
        /// Do not copy the image's files into a new volume.
        no_copy: bool => "NoCopy" omitempty,
        /// Labels of a volume made for this.
        labels: BTreeMap<String, String> => "Labels" omitempty,
        /// Directory inside the volume.
        subpath: String => "Subpath" omitempty,
        /// Driver of a volume made for this.
        driver_config: Option<MountDriver> => "DriverConfig" omitempty,
    }

    /// Driver of a volume.
    pub struct MountDriver {
        /// Driver's name.
        name: String => "Name" omitempty,
        /// Driver's options.
        options: BTreeMap<String, String> => "Options" omitempty,
    }

    /// Options of an image mount.
    pub struct ImageOptions {
        /// Directory inside the image.
        subpath: String => "Subpath" omitempty,
    }

    /// Options of a tmpfs mount.
    pub struct TmpfsOptions {
        /// Size in bytes; 0 is unlimited.
        size_bytes: i64 => "SizeBytes" omitempty,
        /// Permission bits.
        mode: u32 => "Mode" omitempty,
        /// `[flag]` or `[key, value]`.
        options: Vec<Vec<String>> => "Options" omitempty,
    }

    /// A mount in use by a container.
    pub struct MountPoint {
        /// `bind`, `volume`, `tmpfs` or `image`.
        kind: String => "Type" omitempty,
        /// Volume's name.
        name: String => "Name" omitempty,
        /// Path on the host.
        source: String => "Source",
        /// Path inside.
        destination: String => "Destination",
        /// Volume's driver.
        driver: String => "Driver" omitempty,
        /// The user's mode string.
        mode: String => "Mode",
        /// Writable.
        rw: bool => "RW",
        /// Propagation.
        propagation: String => "Propagation",
    }
}
