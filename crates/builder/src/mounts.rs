//! `RUN --mount`, as mounts of the step's container.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use gantry_api_types::{ImageOptions, Mount as ApiMount, TmpfsOptions};
use gantry_dockerfile::{Mount, MountType};
use gantry_reference::ImageId;

use crate::cache_mounts::InUse;
use crate::files::Fingerprint;
use crate::{Builder, Error};

/// What a step's mounts need for as long as it runs.
#[derive(Default)]
pub(crate) struct StepMounts {
    /// For the container.
    pub mounts: Vec<ApiMount>,
    caches: Vec<InUse>,
    files: Vec<tempfile::NamedTempFile>,
}

/// Where the files of a bind mount come from.
pub(crate) enum BindSource {
    /// A folder of the host.
    Folder(PathBuf),
    /// An image.
    Image(ImageId),
}

impl StepMounts {
    /// A mount of files.
    pub(crate) fn bind(
        &mut self,
        mount: &Mount,
        target: String,
        from: BindSource,
    ) -> Result<(), Error> {
        if !mount.read_only {
            return Err(Error::NotSupported("RUN --mount=type=bind,rw".to_owned()));
        }
        let path = mount.source.as_deref().unwrap_or_default();
        let path = String::from_utf8_lossy(&crate::files::normal(path.as_bytes())).into_owned();
        self.mounts.push(match from {
            BindSource::Folder(folder) => ApiMount {
                kind: "bind".to_owned(),
                source: folder.display().to_string(),
                target,
                read_only: true,
                ..ApiMount::default()
            },
            BindSource::Image(image) => ApiMount {
                kind: "image".to_owned(),
                source: image.to_string(),
                target,
                read_only: true,
                image_options: Some(ImageOptions { subpath: path }),
                ..ApiMount::default()
            },
        });
        Ok(())
    }

    /// A cache.
    pub(crate) async fn cache(
        &mut self,
        builder: &Builder,
        mount: &Mount,
        target: String,
    ) -> Result<(), Error> {
        if mount.from.is_some() || mount.source.is_some() {
            return Err(Error::NotSupported(
                "RUN --mount=type=cache with from or source".to_owned(),
            ));
        }
        let cache = builder.cache_mounts.take(mount, &target).await?;
        self.mounts.push(ApiMount {
            kind: "bind".to_owned(),
            source: cache.path.display().to_string(),
            target,
            read_only: mount.read_only,
            ..ApiMount::default()
        });
        self.caches.push(cache);
        Ok(())
    }

    /// Memory.
    pub(crate) fn tmpfs(&mut self, mount: &Mount, target: String) {
        self.mounts.push(ApiMount {
            kind: "tmpfs".to_owned(),
            target,
            tmpfs_options: Some(TmpfsOptions {
                size_bytes: mount.size.unwrap_or_default(),
                mode: 0o1777,
                ..TmpfsOptions::default()
            }),
            ..ApiMount::default()
        });
    }

    /// A script, seen as a file that can be executed.
    pub(crate) fn script(
        &mut self,
        builder: &Builder,
        target: &str,
        text: &str,
    ) -> Result<(), Error> {
        let place = &builder.folder;
        let failed = |e| Error::file("write a script in", place)(e);
        let mut file = tempfile::NamedTempFile::new_in(place).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(file.path(), mode).map_err(failed)?;
        chown(file.path(), Some(0), Some(0)).map_err(failed)?;
        self.mounts.push(ApiMount {
            kind: "bind".to_owned(),
            source: file.path().display().to_string(),
            target: target.to_owned(),
            read_only: true,
            ..ApiMount::default()
        });
        self.files.push(file);
        Ok(())
    }
}

/// Adds to a key what a mount says; its files are added by whoever knows them.
pub(crate) fn print(mount: &Mount, print: &mut Fingerprint) {
    // What a cache, a secret or an agent holds is not part of what a step is made from.
    print.add(format!(
        "{:?} {:?} {:?} {:?} {} {:?}",
        mount.kind, mount.from, mount.source, mount.target, mount.read_only, mount.id
    ));
}

/// Where a mount is seen; secrets and agents have places of their own.
pub(crate) fn target(mount: &Mount, working_dir: &str) -> Result<String, Error> {
    match (&mount.target, mount.kind) {
        (Some(target), _) => {
            let whole = if target.starts_with('/') {
                target.clone()
            } else {
                format!("{working_dir}/{target}")
            };
            let normal = crate::files::normal(whole.as_bytes());
            Ok(format!("/{}", String::from_utf8_lossy(&normal)))
        }
        (None, MountType::Secret) => Ok(format!(
            "/run/secrets/{}",
            mount
                .id
                .as_deref()
                .or(mount.source.as_deref())
                .unwrap_or_default()
        )),
        (None, MountType::Ssh) => Ok("/run/buildkit/ssh_agent.0".to_owned()),
        (None, kind) => Err(Error::Invalid(format!(
            "RUN --mount=type={} needs a target",
            kind.as_str()
        ))),
    }
}
