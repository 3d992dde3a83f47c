//! `--volume`, `--mount`, `--tmpfs`.

use std::collections::BTreeMap;
use std::path::Path;

use gantry_api_types::json::{NameSet, Nothing};
use gantry_api_types::{
    BindOptions, ImageOptions, Mount, MountDriver, TmpfsOptions, VolumeOptions,
};
use gantry_units::{MountKind, MountSpec, VolumeSource, VolumeSpec};

use super::flags::ContainerFlags;

/// `source:target[:mode]`, with a source that begins with `.` made absolute.
pub(crate) fn binds(flags: &ContainerFlags) -> Result<Option<Vec<String>>, String> {
    let mut binds = Vec::new();
    for text in flags.volume.iter().filter(|text| !is_anonymous(text)) {
        binds.push(match text.split_once(':') {
            Some((source, rest)) if source.starts_with('.') => {
                let absolute = std::path::absolute(Path::new(source))
                    .map_err(|error| format!("{source}: {error}"))?;
                format!("{}:{rest}", normal(&absolute))
            }
            _ => text.clone(),
        });
    }
    Ok((!binds.is_empty()).then_some(binds))
}

/// Resolves `.` and `..` by name alone, as Go's `filepath.Abs` does.
fn normal(path: &Path) -> String {
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for part in path.components() {
        match part {
            std::path::Component::Normal(name) => parts.push(name),
            std::path::Component::ParentDir => {
                parts.pop();
            }
            _ => {}
        }
    }
    let joined: std::path::PathBuf = std::iter::once(std::ffi::OsStr::new("/"))
        .chain(parts)
        .collect();
    joined.display().to_string()
}

/// Targets that get a new volume without a name.
pub(crate) fn anonymous(flags: &ContainerFlags) -> NameSet {
    flags
        .volume
        .iter()
        .filter(|text| is_anonymous(text))
        .map(|text| (text.clone(), Nothing))
        .collect()
}

fn is_anonymous(text: &str) -> bool {
    !text.contains(':')
        || matches!(
            text.parse::<VolumeSpec>(),
            Ok(VolumeSpec {
                source: VolumeSource::Anonymous,
                ..
            })
        )
}

pub(crate) fn tmpfs(flags: &ContainerFlags) -> BTreeMap<String, String> {
    flags
        .tmpfs
        .iter()
        .map(|text| {
            let (target, options) = text.split_once(':').unwrap_or((text, ""));
            (target.to_owned(), options.to_owned())
        })
        .collect()
}

pub(crate) fn mounts(flags: &ContainerFlags) -> Vec<Mount> {
    flags.mount.iter().map(mount).collect()
}

pub(crate) fn mount(spec: &MountSpec) -> Mount {
    let mut mount = Mount {
        kind: spec.kind.as_str().to_owned(),
        source: spec.source.clone(),
        target: spec.target.clone(),
        read_only: spec.read_only,
        uid: spec.uid,
        gid: spec.gid,
        id_map: spec.id_map.clone(),
        consistency: spec.consistency.clone(),
        ..Mount::default()
    };
    match spec.kind {
        MountKind::Bind => mount.bind_options = bind_options(spec),
        MountKind::Volume => mount.volume_options = volume_options(spec),
        MountKind::Tmpfs => {
            let options = TmpfsOptions {
                size_bytes: spec.size,
                mode: spec.mode,
                ..TmpfsOptions::default()
            };
            mount.tmpfs_options = given(options);
        }
        MountKind::Image => {
            mount.image_options = given(ImageOptions {
                subpath: spec.subpath.clone(),
            });
        }
    }
    mount
}

fn bind_options(spec: &MountSpec) -> Option<BindOptions> {
    given(BindOptions {
        propagation: spec
            .propagation
            .map(|p| p.as_str().to_owned())
            .unwrap_or_default(),
        non_recursive: spec.non_recursive,
        create_mountpoint: spec.create_mountpoint,
        read_only_non_recursive: spec.read_only_non_recursive,
        read_only_force_recursive: spec.read_only_force_recursive,
    })
}

fn volume_options(spec: &MountSpec) -> Option<VolumeOptions> {
    let driver = MountDriver {
        name: spec.driver.clone(),
        options: spec.driver_options.clone(),
    };
    given(VolumeOptions {
        no_copy: spec.no_copy,
        labels: spec.labels.clone(),
        subpath: spec.subpath.clone(),
        driver_config: given(driver),
    })
}

/// Options of which none was given are left out.
fn given<T: Default + PartialEq>(options: T) -> Option<T> {
    (options != T::default()).then_some(options)
}
