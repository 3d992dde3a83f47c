//! `--mount`: what may be said of which kind.

use gantry_api_types::Mount;

use super::destination::destination;
use super::{Found, Owners, Planner, Point, bind};
use crate::Error;
use crate::containers::record::MountUse;

/// What is wrong with a mount.
pub(super) enum Wrong {
    /// The request; the kind of mount is said in front.
    Reason(String),
    /// Something else.
    Other(Error),
}

impl Wrong {
    pub(super) fn missing(field: &str) -> Self {
        Self::Reason(format!("field {field} must not be empty"))
    }

    fn extra(field: &str) -> Self {
        Self::Reason(format!("field {field} must not be specified"))
    }

    pub(super) fn about(self, kind: &str) -> Error {
        match self {
            Self::Reason(reason) => Error::Invalid(format!(
                "invalid mount config for type \"{kind}\": {reason}"
            )),
            Self::Other(error) => error,
        }
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Planner<'_> {
    pub(super) fn object(&self, mount: &Mount) -> Result<Found, Error> {
        self.checked(mount).map_err(|e| e.about(&mount.kind))
    }

    fn checked(&self, mount: &Mount) -> Result<Found, Wrong> {
        exclusive_options(mount)?;
        if mount.target.is_empty() {
            return Err(Wrong::missing("Target"));
        }
        let destination = destination(&mount.target).map_err(Wrong::Reason)?;
        match mount.kind.as_str() {
            "bind" => bind::of_object(mount, &destination),
            "volume" => self.volume_object(mount, &destination),
            "image" => self.image_object(mount, &destination),
            "tmpfs" if !mount.source.is_empty() => Err(Wrong::extra("Source")),
            "tmpfs" => {
                let point = Point {
                    kind: "tmpfs",
                    destination: &destination,
                    read_only: mount.read_only,
                    ..Point::default()
                };
                Ok((point.build(), MountUse::default()))
            }
            _ => Err(Wrong::Reason("mount type unknown".to_owned())),
        }
    }
}

/// Each kind has its own options.
fn exclusive_options(mount: &Mount) -> Result<(), Wrong> {
    let kind = mount.kind.as_str();
    let given = [
        ("bind", "BindOptions", mount.bind_options.is_some()),
        ("volume", "VolumeOptions", mount.volume_options.is_some()),
        ("image", "ImageOptions", mount.image_options.is_some()),
        ("tmpfs", "TmpfsOptions", mount.tmpfs_options.is_some()),
        ("cluster", "ClusterOptions", mount.cluster_options.is_some()),
    ];
    for (of, field, is_given) in given {
        if is_given && of != kind {
            return Err(Wrong::extra(field));
        }
    }
    let owners = mount.uid.is_some() || mount.gid.is_some() || !mount.id_map.is_empty();
    if owners && kind == "image" {
        return Err(Wrong::extra("UID, GID or IDMap"));
    }
    if !mount.id_map.is_empty() && kind == "tmpfs" {
        return Err(Wrong::extra("IDMap"));
    }
    Ok(())
}

/// Whom files shall seem to belong to.
pub(super) fn owners_of(mount: &Mount) -> Result<Option<Owners>, Wrong> {
    Owners::read(mount.uid, mount.gid, &mount.id_map).map_err(Wrong::Reason)
}
