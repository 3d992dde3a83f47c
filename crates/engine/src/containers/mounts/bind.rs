//! Paths of the host.

use std::fs;
use std::path::Path;

use gantry_api_types::{BindOptions, Mount, MountPoint};
use gantry_units::{Propagation, VolumeSpec};

use super::object::{Wrong, owners_of};
use super::{Found, Point, propagation};
use crate::Error;
use crate::containers::record::MountUse;

/// `-v /source:/destination`: makes the source where it is missing.
pub(super) fn of_flag(spec: &VolumeSpec, source: &str) -> Result<Found, Error> {
    make(source)?;
    let propagation = spec.propagation.unwrap_or(Propagation::RPrivate);
    let point = Point {
        kind: "bind",
        source,
        destination: &spec.target,
        mode: &spec.mode,
        read_only: spec.read_only,
        propagation: propagation.as_str(),
        ..Point::default()
    };
    let used = MountUse {
        create_source: true,
        ..MountUse::default()
    };
    Ok((point.build(), used))
}

/// `--mount type=bind`: the source must be there unless it may be made.
pub(super) fn of_object(mount: &Mount, destination: &str) -> Result<Found, Wrong> {
    let options = mount.bind_options.clone().unwrap_or_default();
    if mount.source.is_empty() {
        return Err(Wrong::missing("Source"));
    }
    if !mount.source.starts_with('/') {
        return Err(Wrong::Reason(format!(
            "invalid mount path: '{}' mount path must be absolute",
            mount.source
        )));
    }
    let propagation = match options.propagation.as_str() {
        "" => Propagation::RPrivate,
        text => text
            .parse()
            .map_err(|_| Wrong::Reason(format!("invalid propagation mode: {text}")))?,
    };
    check_recursion(mount, &options, propagation)?;
    if !Path::new(&mount.source).exists() {
        if !options.create_mountpoint {
            return Err(missing(&mount.source));
        }
        make(&mount.source)?;
    }
    let point = Point {
        kind: "bind",
        source: &clean(&mount.source),
        destination,
        read_only: mount.read_only,
        propagation: propagation.as_str(),
        ..Point::default()
    };
    let used = MountUse {
        create_source: options.create_mountpoint,
        owners: owners_of(mount)?,
        bind: Some(options),
        ..MountUse::default()
    };
    Ok((point.build(), used))
}

/// What makes no sense together.
fn check_recursion(
    mount: &Mount,
    options: &BindOptions,
    propagation: Propagation,
) -> Result<(), Wrong> {
    let (top, all) = (
        options.read_only_non_recursive,
        options.read_only_force_recursive,
    );
    let wrong = |text: &str| Err(Wrong::Reason(text.to_owned()));
    if (top || all) && !mount.read_only {
        return wrong("mount options conflict: BindOptions about a read-only mount need ReadOnly");
    }
    if top && all {
        return wrong(
            "mount options conflict: ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude one another",
        );
    }
    if all && propagation != Propagation::RPrivate {
        return wrong("mount options conflict: ReadOnlyForceRecursive needs propagation rprivate");
    }
    Ok(())
}

/// Looks at the source again when the container starts: a path means what it means by then.
pub(super) fn at_start(mount: &MountPoint, used: &MountUse) -> Result<(), Error> {
    if !Path::new(&mount.source).exists() {
        if !used.create_source {
            return Err(missing(&mount.source).about("bind"));
        }
        make(&mount.source)?;
    }
    propagation::check(&mount.source, &mount.propagation)
}

fn missing(source: &str) -> Wrong {
    Wrong::Reason(format!("bind source path does not exist: {source}"))
}

fn make(source: &str) -> Result<(), Error> {
    if Path::new(source).exists() {
        return Ok(());
    }
    fs::create_dir_all(source).map_err(|e| {
        Error::Invalid(format!(
            "error while creating mount source path '{source}': mkdir {source}: {e}"
        ))
    })
}

/// Without double slashes and dots; symbolic links are the kernel's to follow, at each start.
fn clean(source: &str) -> String {
    super::destination(source).unwrap_or_else(|_| "/".to_owned())
}
