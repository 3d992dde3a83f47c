//! `RUN --mount`, as mounts of the step's container.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::sync::Arc;

use gantry_api_types::{Mount as ApiMount, TmpfsOptions};
use gantry_dockerfile::{Mount, MountType};
use gantry_engine::Lent;
use gantry_reference::Digest;
use rustix::fs::FileType;

use crate::agent::AgentSocket;
use crate::cache_mounts::InUse;
use crate::files::{Fingerprint, normal};
use crate::trees::{self, Access};
use crate::{Asker, Builder, Context, Error};

/// What a step's mounts need for as long as it runs.
#[derive(Default)]
pub(crate) struct StepMounts {
    /// For the container.
    pub mounts: Vec<ApiMount>,
    /// What is in no record: the sources of mounts, and variables with secrets.
    pub lent: Lent,
    caches: Vec<(String, InUse)>,
    files: Vec<tempfile::TempPath>,
    agents: Vec<AgentSocket>,
    // Dropped last: what lies in it is mounted.
    scratch: Vec<tempfile::TempDir>,
    discarded: Vec<Discarded>,
}

/// Where the files of a mount come from.
#[derive(Clone)]
pub(crate) enum BindSource {
    /// A context.
    Context(Arc<Context>),
    /// The layers of a stage or an image.
    Layers(Vec<Digest>),
}

/// A writable mount of layers; what was written goes with it.
struct Discarded {
    builder: Builder,
    key: String,
}

impl Drop for Discarded {
    fn drop(&mut self) {
        let snapshots = self.builder.engine.images.store().snapshotter().clone();
        if let Err(error) = snapshots.remove(&self.key) {
            tracing::warn!("cannot remove what a step wrote into a mount: {error}");
        }
    }
}

impl StepMounts {
    /// A mount of files. Blocks.
    pub(crate) fn bind(
        &mut self,
        builder: &Builder,
        mount: &Mount,
        target: String,
        from: &BindSource,
    ) -> Result<(), Error> {
        let path = normal(mount.source.as_deref().unwrap_or_default().as_bytes());
        let place = builder.folder();
        let tree = match (from, mount.read_only) {
            (BindSource::Context(context), true) => trees::of_folder(context.root(), &path)?,
            (BindSource::Context(context), false) => {
                let scratch =
                    tempfile::tempdir_in(place).map_err(Error::file("use the folder", place))?;
                let whole = trees::writable(context.root(), scratch.path())?;
                self.scratch.push(scratch);
                trees::part(whole, &path, place)?
            }
            (BindSource::Layers(layers), true) => {
                let snapshots = builder.engine.images.store().snapshotter();
                trees::part(snapshots.view(layers)?.root, &path, place)?
            }
            (BindSource::Layers(layers), false) => {
                let (_, whole) = self.discarded(builder, layers)?;
                trees::part(whole, &path, place)?
            }
        };
        self.lend(builder, target, tree, mount.read_only)
    }

    /// A mount of layers, to be written to; gives the snapshot that holds what is written, as long as this is there.
    pub(crate) fn kept(
        &mut self,
        builder: &Builder,
        mount: &Mount,
        target: String,
        layers: &[Digest],
    ) -> Result<String, Error> {
        let path = normal(mount.source.as_deref().unwrap_or_default().as_bytes());
        let (key, whole) = self.discarded(builder, layers)?;
        let tree = trees::part(whole, &path, builder.folder())?;
        self.lend(builder, target, tree, false)?;
        Ok(key)
    }

    /// Layers to be written to, and the snapshot that holds what is.
    fn discarded(
        &mut self,
        builder: &Builder,
        layers: &[Digest],
    ) -> Result<(String, OwnedFd), Error> {
        let snapshots = builder.engine.images.store().snapshotter();
        let key = builder.scratch_key();
        snapshots.prepare(&key, layers)?;
        self.discarded.push(Discarded {
            builder: builder.clone(),
            key: key.clone(),
        });
        let root = snapshots.mount_volatile(&key)?.root;
        Ok((key, root))
    }

    /// A mount whose source nobody can name.
    fn lend(
        &mut self,
        builder: &Builder,
        target: String,
        tree: OwnedFd,
        read_only: bool,
    ) -> Result<(), Error> {
        let stat = rustix::fs::fstat(&tree).map_err(Error::file("look at", &target))?;
        let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        self.mounts.push(ApiMount {
            kind: "bind".to_owned(),
            // In its place stands something of the same type.
            source: builder.stand_in(directory).display().to_string(),
            target: target.clone(),
            read_only,
            ..ApiMount::default()
        });
        self.lent.trees.push((target, tree));
        Ok(())
    }

    /// A cache, at the directory that was taken for it.
    pub(crate) fn cache(&mut self, mount: &Mount, target: String, id: String, cache: InUse) {
        self.at_cache(mount, target, &cache);
        self.caches.push((id, cache));
    }

    /// A cache that this step has already at another place; `false` if it has not.
    pub(crate) fn cache_again(&mut self, mount: &Mount, target: &str, id: &str) -> bool {
        let path = self.caches.iter().find(|(has, _)| has == id);
        let Some(path) = path.map(|(_, cache)| cache.path.clone()) else {
            return false;
        };
        self.mounts
            .push(cache_mount(mount, target.to_owned(), &path));
        true
    }

    fn at_cache(&mut self, mount: &Mount, target: String, cache: &InUse) {
        self.mounts.push(cache_mount(mount, target, &cache.path));
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

    /// A secret: a file in memory, a variable, or both.
    pub(crate) async fn secret(
        &mut self,
        builder: &Builder,
        asker: Option<&Arc<dyn Asker>>,
        mount: &Mount,
        target: Option<String>,
    ) -> Result<(), Error> {
        let id = secret_id(mount);
        let value = match asker {
            Some(asker) => asker.secret(&id).await?,
            None => None,
        };
        let Some(value) = value else {
            if mount.required {
                return Err(Error::Invalid(format!("secret {id}: not found")));
            }
            return Ok(());
        };
        if let Some(name) = &mount.env {
            let name = if name.is_empty() { &id } else { name };
            let text = String::from_utf8(value.clone()).map_err(|_| {
                Error::Invalid(format!("secret {id} is no text for the variable {name}"))
            })?;
            self.lent.env.push(format!("{name}={text}"));
        }
        let Some(target) = target else {
            return Ok(());
        };
        let access = access(mount, 0o400);
        let place = builder.folder().to_owned();
        let tree = crate::step::blocking(move || trees::in_memory(&place, &value, access)).await?;
        self.lend(builder, target, tree, mount.read_only)
    }

    /// The other side's agent, behind a socket of this step.
    pub(crate) async fn agent(
        &mut self,
        builder: &Builder,
        asker: Option<&Arc<dyn Asker>>,
        mount: &Mount,
        target: Option<String>,
    ) -> Result<(), Error> {
        let id = mount.id.clone().unwrap_or_else(|| "default".to_owned());
        let has = match asker {
            Some(asker) => asker.has_agent(&id).await?,
            None => false,
        };
        let (Some(asker), true) = (asker, has) else {
            if mount.required {
                return Err(Error::Invalid(format!(
                    "no SSH key \"{id}\" forwarded from the client"
                )));
            }
            return Ok(());
        };
        let target =
            target.unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{}", self.agents.len()));
        let socket = AgentSocket::listen(builder.folder(), asker, id, access(mount, 0o600))?;
        if self.agents.is_empty() {
            self.lent.env.push(format!("SSH_AUTH_SOCK={target}"));
        }
        self.mounts.push(ApiMount {
            kind: "bind".to_owned(),
            source: socket.path().display().to_string(),
            target,
            read_only: mount.read_only,
            ..ApiMount::default()
        });
        self.agents.push(socket);
        Ok(())
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
        // What somebody can still write to is not executed (execve(2), ETXTBSY).
        let file = file.into_temp_path();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&file, mode).map_err(failed)?;
        chown(&file, Some(0), Some(0)).map_err(failed)?;
        self.mounts.push(ApiMount {
            kind: "bind".to_owned(),
            source: file.display().to_string(),
            target: target.to_owned(),
            read_only: true,
            ..ApiMount::default()
        });
        self.files.push(file);
        Ok(())
    }
}

fn cache_mount(mount: &Mount, target: String, path: &std::path::Path) -> ApiMount {
    ApiMount {
        kind: "bind".to_owned(),
        source: path.display().to_string(),
        target,
        read_only: mount.read_only,
        ..ApiMount::default()
    }
}

fn access(mount: &Mount, usual: u32) -> Access {
    Access {
        mode: mount.mode.unwrap_or(usual),
        uid: mount.uid.unwrap_or_default(),
        gid: mount.gid.unwrap_or_default(),
    }
}

/// A secret's id: as it is given, or the last part of where the secret is seen.
fn secret_id(mount: &Mount) -> String {
    let given = mount.id.clone().or_else(|| mount.source.clone());
    given.unwrap_or_else(|| last_part(mount.target.as_deref().unwrap_or_default()))
}

fn last_part(path: &str) -> String {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Adds to a key what a mount says; its files are added by whoever knows them.
pub(crate) fn print(mount: &Mount, print: &mut Fingerprint) {
    // What a cache, a secret or an agent holds is not part of what a step is made from.
    print.add(format!(
        "{:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?}",
        mount.kind,
        mount.from,
        mount.source,
        mount.target,
        mount.read_only,
        mount.id,
        mount.env,
        mount.mode,
        mount.uid,
        mount.gid
    ));
}

/// Where a mount is seen; `None` for an agent without a place of its own, and a secret that is only a variable.
pub(crate) fn target(mount: &Mount, working_dir: &str) -> Result<Option<String>, Error> {
    match (&mount.target, mount.kind) {
        (Some(target), _) => {
            let whole = if target.starts_with('/') {
                target.clone()
            } else {
                format!("{working_dir}/{target}")
            };
            let normal = normal(whole.as_bytes());
            Ok(Some(format!("/{}", String::from_utf8_lossy(&normal))))
        }
        (None, MountType::Secret) if mount.env.is_some() => Ok(None),
        (None, MountType::Secret) => Ok(Some(format!(
            "/run/secrets/{}",
            last_part(&secret_id(mount))
        ))),
        (None, MountType::Ssh) => Ok(None),
        (None, kind) => Err(Error::Invalid(format!(
            "RUN --mount=type={} needs a target",
            kind.as_str()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_places_of_their_own() {
        let secret = |id: Option<&str>, target: Option<&str>, env: Option<&str>| Mount {
            kind: MountType::Secret,
            id: id.map(str::to_owned),
            target: target.map(str::to_owned),
            env: env.map(str::to_owned),
            ..Mount::default()
        };
        let seen = |mount: &Mount| (secret_id(mount), target(mount, "/work").unwrap());
        let at = |path: &str| Some(path.to_owned());
        let of_id = secret(Some("npm/token"), None, None);
        assert_eq!(seen(&of_id), ("npm/token".into(), at("/run/secrets/token")));
        let of_target = secret(None, Some("etc/key"), None);
        assert_eq!(seen(&of_target), ("key".into(), at("/work/etc/key")));
        let variable = secret(Some("k"), None, Some("KEY"));
        assert_eq!(seen(&variable), ("k".into(), None));
    }
}
