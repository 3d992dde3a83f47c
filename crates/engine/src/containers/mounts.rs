//! The mounts that a request asks for, in all of its forms, as one list with real sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use gantry_api_types::{ContainerCreateRequest, Mount, MountPoint};
use gantry_volume::VolumeName;

use super::Containers;
use super::record::VolumeUse;
use crate::Error;

/// What [`plan`] finds.
#[derive(Debug, Default)]
pub(crate) struct MountPlan {
    /// The mounts, parents before children.
    pub mounts: Vec<MountPoint>,
    /// How volumes are used, by destination.
    pub volume_options: BTreeMap<String, VolumeUse>,
}

/// Finds the source of every mount; makes volumes and host directories that are missing and may be.
///
/// Earlier forms win over later ones on the same destination: `-v` and `--mount`, then
/// `--volumes-from`, then the image's volumes.
pub(crate) fn plan(
    service: &Containers,
    request: &ContainerCreateRequest,
) -> Result<MountPlan, Error> {
    let mut plan = MountPlan::default();
    let driver = request.host_config.volume_driver.as_str();
    for bind in request.host_config.binds.iter().flatten() {
        plan.add(bind_string(service, bind, driver)?)?;
    }
    for mount in &request.host_config.mounts {
        if let Some(found) = mount_object(service, mount)? {
            plan.add(found)?;
        }
    }
    for from in request.host_config.volumes_from.iter().flatten() {
        volumes_from(service, from, &mut plan)?;
    }
    for path in request
        .config
        .volumes
        .iter()
        .flatten()
        .map(|(path, _)| path)
    {
        let destination = destination(path)?;
        let covered = request
            .host_config
            .tmpfs
            .keys()
            .any(|t| Path::new(t) == Path::new(&destination));
        if !covered && !plan.has(&destination) {
            plan.add(anonymous(service, &destination, driver)?)?;
        }
    }
    plan.mounts
        .sort_by_key(|m| Path::new(&m.destination).components().count());
    Ok(plan)
}

type Found = (MountPoint, Option<VolumeUse>);

impl MountPlan {
    fn has(&self, destination: &str) -> bool {
        self.mounts.iter().any(|m| m.destination == destination)
    }

    fn add(&mut self, (mount, volume): Found) -> Result<(), Error> {
        if self.has(&mount.destination) {
            return Err(Error::Invalid(format!(
                "Duplicate mount point: {}",
                mount.destination
            )));
        }
        if let Some(volume) = volume {
            self.volume_options
                .insert(mount.destination.clone(), volume);
        }
        self.mounts.push(mount);
        Ok(())
    }
}

/// `-v`: `destination`, `source:destination` or `source:destination:mode`.
fn bind_string(service: &Containers, text: &str, driver: &str) -> Result<Found, Error> {
    let invalid = || Error::Invalid(format!("invalid volume specification: '{text}'"));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [target] => return anonymous(service, &destination(target)?, driver),
        [source, target] => (source, target, ""),
        [source, target, mode] => (source, target, mode),
        _ => return Err(invalid()),
    };
    let destination = destination(target).map_err(|_| invalid())?;
    let modes =
        Modes::parse(mode).ok_or_else(|| Error::Invalid(format!("invalid mode: {mode}")))?;
    if source.starts_with('/') {
        if !Path::new(source).exists() {
            fs::create_dir_all(source).map_err(Error::file("create the bind source", source))?;
        }
        let source = absolute(source)?;
        return Ok((modes.mount("bind", "", &source, &destination), None));
    }
    let name = VolumeName::new(source)?;
    let volume = service
        .volumes
        .ensure(name, driver, BTreeMap::new(), false)?;
    let path = service.volumes.path(&volume.name).display().to_string();
    let used = VolumeUse {
        no_copy: modes.no_copy,
        ..VolumeUse::default()
    };
    Ok((
        modes.mount("volume", volume.name.as_str(), &path, &destination),
        Some(used),
    ))
}

/// `--mount`; `None` for a tmpfs, which has no source.
fn mount_object(service: &Containers, mount: &Mount) -> Result<Option<Found>, Error> {
    let destination = destination(&mount.target)?;
    let modes = Modes {
        read_only: mount.read_only,
        ..Modes::default()
    };
    match mount.kind.as_str() {
        "tmpfs" if mount.source.is_empty() => Ok(None),
        "tmpfs" => Err(invalid_mount("tmpfs", "field Source must not be specified")),
        "bind" => bind_object(mount, modes, &destination).map(|found| Some((found, None))),
        "volume" => volume_object(service, mount, &modes, &destination).map(Some),
        kind => Err(Error::NotSupported(format!("a mount of type {kind:?}"))),
    }
}

fn bind_object(mount: &Mount, mut modes: Modes, destination: &str) -> Result<MountPoint, Error> {
    let options = mount.bind_options.clone().unwrap_or_default();
    if !mount.source.starts_with('/') {
        return Err(invalid_mount(
            "bind",
            "field Source must be an absolute path",
        ));
    }
    if !Path::new(&mount.source).exists() {
        if !options.create_mountpoint {
            let reason = format!("bind source path does not exist: {}", mount.source);
            return Err(invalid_mount("bind", &reason));
        }
        fs::create_dir_all(&mount.source)
            .map_err(Error::file("create the bind source", &mount.source))?;
    }
    if options.read_only_force_recursive && !recursive_read_only() {
        return Err(invalid_mount(
            "bind",
            "failed to set MountAttr recursively: needs Linux 5.12 or later",
        ));
    }
    if !options.propagation.is_empty() {
        modes.propagation = options.propagation;
    }
    Ok(modes.mount("bind", "", &absolute(&mount.source)?, destination))
}

/// Whether mounts below a mount can be made read-only with it.
fn recursive_read_only() -> bool {
    let running = gantry_seccomp::KernelVersion::running();
    (running.major, running.minor) >= (5, 12)
}

fn volume_object(
    service: &Containers,
    mount: &Mount,
    modes: &Modes,
    destination: &str,
) -> Result<Found, Error> {
    let options = mount.volume_options.clone().unwrap_or_default();
    let driver = options.driver_config.unwrap_or_default();
    if !driver.options.is_empty() {
        return Err(Error::NotSupported("driver options of a volume".to_owned()));
    }
    if Path::new(&options.subpath).is_absolute() {
        return Err(invalid_mount("volume", "subpath must be a relative path"));
    }
    let anonymous = mount.source.is_empty();
    let name = if anonymous {
        VolumeName::random()?
    } else {
        VolumeName::new(&mount.source)?
    };
    let volume = service
        .volumes
        .ensure(name, &driver.name, options.labels, anonymous)?;
    let path = service.volumes.path(&volume.name).display().to_string();
    let used = VolumeUse {
        anonymous,
        no_copy: options.no_copy,
        subpath: options.subpath,
    };
    Ok((
        modes.mount("volume", volume.name.as_str(), &path, destination),
        Some(used),
    ))
}

fn anonymous(service: &Containers, destination: &str, driver: &str) -> Result<Found, Error> {
    let volume = service
        .volumes
        .ensure(VolumeName::random()?, driver, BTreeMap::new(), true)?;
    let path = service.volumes.path(&volume.name).display().to_string();
    let mount = Modes::default().mount("volume", volume.name.as_str(), &path, destination);
    Ok((
        mount,
        Some(VolumeUse {
            anonymous: true,
            ..VolumeUse::default()
        }),
    ))
}

/// `container[:ro|rw]`.
fn volumes_from(service: &Containers, text: &str, plan: &mut MountPlan) -> Result<(), Error> {
    let (name, mode) = text.split_once(':').unwrap_or((text, ""));
    let modes =
        Modes::parse(mode).ok_or_else(|| Error::Invalid(format!("invalid mode: {mode}")))?;
    let other = service.registry.find(name)?;
    let record = other.record();
    for mount in &record.mounts {
        if !plan.has(&mount.destination) {
            let mut mount = mount.clone();
            mount.rw = mount.rw && !modes.read_only;
            // It stays the other container's: `rm -v` of this one leaves it alone.
            let used = record
                .volume_options
                .get(&mount.destination)
                .map(|used| VolumeUse {
                    subpath: used.subpath.clone(),
                    ..VolumeUse::default()
                });
            plan.add((mount, used))?;
        }
    }
    Ok(())
}

/// The words behind the last colon of `-v`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Modes {
    text: String,
    read_only: bool,
    no_copy: bool,
    propagation: String,
}

impl Modes {
    fn parse(text: &str) -> Option<Self> {
        let mut modes = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        for word in text.split(',').filter(|w| !w.is_empty()) {
            match word {
                "ro" => modes.read_only = true,
                "nocopy" => modes.no_copy = true,
                "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" => {
                    word.clone_into(&mut modes.propagation);
                }
                // SELinux labels have no meaning where SELinux is off; the others are the default.
                "rw" | "z" | "Z" | "consistent" | "cached" | "delegated" => {}
                _ => return None,
            }
        }
        Some(modes)
    }

    fn mount(&self, kind: &str, name: &str, source: &str, destination: &str) -> MountPoint {
        let is_bind = kind == "bind";
        MountPoint {
            kind: kind.to_owned(),
            name: name.to_owned(),
            source: source.to_owned(),
            destination: destination.to_owned(),
            driver: if is_bind {
                String::new()
            } else {
                "local".to_owned()
            },
            mode: self.text.clone(),
            rw: !self.read_only,
            propagation: match (is_bind, self.propagation.as_str()) {
                (true, "") => "rprivate".to_owned(),
                (_, given) => given.to_owned(),
            },
        }
    }
}

/// The place in the container: absolute, without `.` and `..`, and not the root itself.
fn destination(text: &str) -> Result<String, Error> {
    let mut clean = PathBuf::from("/");
    for part in Path::new(text).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    if !text.starts_with('/') {
        return Err(Error::Invalid(format!(
            "invalid mount path: '{text}' mount path must be absolute"
        )));
    }
    if clean == Path::new("/") {
        return Err(Error::Invalid(
            "invalid volume specification: destination can't be '/'".to_owned(),
        ));
    }
    Ok(clean.display().to_string())
}

/// The source without symbolic links, so that inspect shows what is mounted.
fn absolute(source: &str) -> Result<String, Error> {
    let path = fs::canonicalize(source).map_err(Error::file("find the bind source", source))?;
    Ok(path.display().to_string())
}

fn invalid_mount(kind: &str, reason: &str) -> Error {
    Error::Invalid(format!(
        "invalid mount config for type \"{kind}\": {reason}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_absolute_and_clean() {
        assert_eq!(destination("/a/../b//c/.").unwrap(), "/b/c");
        assert_eq!(destination("/../../etc").unwrap(), "/etc");
        for bad in ["", "a/b", "/", "/..", "../x"] {
            assert!(destination(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn modes_are_words_between_commas() {
        let modes = Modes::parse("ro,rslave,z").unwrap();
        assert!(modes.read_only);
        assert_eq!(modes.propagation, "rslave");
        assert_eq!(Modes::parse("rp"), None);
    }
}
