//! Changes of files without a command: each makes a layer.

mod change;
mod copy;

use std::os::fd::{AsFd as _, OwnedFd};

use gantry_reference::Digest;

use super::layers::layers_of;
use super::{Here, cached, remember};
use crate::files::Owner;
use crate::step::blocking;
use crate::{Builder, Error, Filesystem};

pub use copy::CopyAction;

/// What an action works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// An empty filesystem.
    Nothing,
    /// An input of the operation.
    Input(usize),
    /// What an earlier action of it came to.
    Action(usize),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAction {
    /// What is changed.
    pub on: Ground,
    /// What is copied from.
    pub from: Ground,
    /// Which of the operation's filesystems it makes, if any.
    pub output: Option<usize>,
    /// How.
    pub change: FileChange,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    /// Files of another filesystem are copied.
    Copy(CopyAction),
    /// A file is written.
    MakeFile {
        /// Where.
        path: String,
        /// Its permissions.
        mode: u32,
        /// What is in it.
        content: Vec<u8>,
        /// Whom it belongs to.
        owner: Ownership,
        /// When it was changed: seconds since 1970.
        time: i64,
    },
    /// A directory is made.
    MakeDirectory {
        /// Where.
        path: String,
        /// Its permissions.
        mode: u32,
        /// With those above it that lack; then it may be there already.
        parents: bool,
        /// Whom it belongs to.
        owner: Ownership,
        /// When it was changed: seconds since 1970.
        time: i64,
    },
    /// A symbolic link is made.
    Link {
        /// Where it leads.
        target: String,
        /// Where it is.
        path: String,
        /// Whom it belongs to.
        owner: Ownership,
        /// When it was changed: seconds since 1970.
        time: i64,
    },
    /// Something is removed, with all that is in it.
    Remove {
        /// What.
        path: String,
        /// Whether it may be missing.
        may_be_missing: bool,
        /// Whether the path's last part is a pattern.
        pattern: bool,
    },
}

/// Whom files belong to, before names are looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ownership {
    /// The user.
    pub user: Option<Named>,
    /// The group.
    pub group: Option<Named>,
}

/// A user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A number.
    Id(u32),
    /// A name, and where names are looked up.
    Name(String, Ground),
}

/// What an action needs of the layers that it works on.
struct Work<'a> {
    builder: &'a Builder,
    layers: &'a [Digest],
    root: OwnedFd,
    owner: Option<Owner>,
}

impl Here<'_> {
    /// Carries out the actions one after the other; gives the filesystems that have numbers.
    pub(super) async fn files(&self, actions: &[FileAction]) -> Result<Vec<Filesystem>, Error> {
        let mut made: Vec<Filesystem> = Vec::new();
        let mut outputs: Vec<Filesystem> = Vec::new();
        let mut whole = true;
        for action in actions {
            let (files, kept) = self.action(action, &made).await?;
            whole &= kept;
            if let Some(number) = action.output {
                let nothing = || Filesystem::of_layers(self.builder(), Vec::new());
                if number >= actions.len() {
                    return Err(Error::Invalid(format!(
                        "a file operation of {} actions gives no filesystem of the number {number}",
                        actions.len()
                    )));
                }
                outputs.resize_with(outputs.len().max(number + 1), nothing);
                outputs[number] = files.clone();
            }
            made.push(files);
        }
        if whole {
            cached(&self.teller);
        }
        Ok(outputs)
    }

    /// What an action makes, and whether that was there already.
    async fn action(
        &self,
        action: &FileAction,
        made: &[Filesystem],
    ) -> Result<(Filesystem, bool), Error> {
        let builder = self.builder();
        let on = self.ground(action.on, made)?;
        let layers = layers_of(builder, &on).await?;
        let owner = self.owner(action, made)?;
        let from = match action.change {
            FileChange::Copy(_) => Some(self.ground(action.from, made)?.origin()?),
            _ => None,
        };
        let anew = self.operation.anew || self.inner.request.no_cache;
        let (change, name) = (action.change.clone(), self.operation.name.clone());
        let (worker, below) = (builder.clone(), layers.clone());
        let done = blocking(move || {
            let snapshots = worker.engine.images.store().snapshotter();
            let work = Work {
                root: snapshots.view(&below)?.root,
                builder: &worker,
                layers: &below,
                owner,
            };
            work.change(&change, from, anew, &name)
        });
        let (layer, kept) = done.await?;
        let all = layers.into_iter().chain(layer).collect();
        Ok((Filesystem::of_layers(builder, all), kept))
    }

    fn ground(&self, ground: Ground, made: &[Filesystem]) -> Result<Filesystem, Error> {
        match ground {
            Ground::Nothing => Ok(Filesystem::of_layers(self.builder(), Vec::new())),
            Ground::Input(number) => self.input(number).cloned(),
            Ground::Action(number) => made.get(number).cloned().ok_or_else(|| {
                Error::Invalid(format!("an action takes from a later one, {number}"))
            }),
        }
    }

    /// The owner that an action gives its files.
    fn owner(&self, action: &FileAction, made: &[Filesystem]) -> Result<Option<Owner>, Error> {
        let ownership = match &action.change {
            FileChange::Copy(copy) => &copy.owner,
            FileChange::MakeFile { owner, .. }
            | FileChange::MakeDirectory { owner, .. }
            | FileChange::Link { owner, .. } => owner,
            FileChange::Remove { .. } => return Ok(None),
        };
        let (user, group) = (ownership.user.as_ref(), ownership.group.as_ref());
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        let text = |named: Option<&Named>| match named {
            None => "0".to_owned(),
            Some(Named::Id(id)) => id.to_string(),
            Some(Named::Name(name, _)) => name.clone(),
        };
        let mut whole = text(user);
        if group.is_some() {
            whole = format!("{whole}:{}", text(group));
        }
        let place = [user, group].into_iter().flatten().find_map(|n| match n {
            Named::Name(_, ground) => Some(*ground),
            Named::Id(_) => None,
        });
        let files = self.ground(place.unwrap_or(Ground::Nothing), made)?;
        let context = files.context(gantry_dockerfile::Ignore::default())?;
        Ok(Some(Owner::parse(&whole, context.root())?))
    }
}

impl Work<'_> {
    /// The layer of a change, if it makes one, and whether it was there.
    fn change(
        &self,
        change: &FileChange,
        from: Option<crate::copy::Origin>,
        anew: bool,
        name: &str,
    ) -> Result<(Option<Digest>, bool), Error> {
        if let (FileChange::Copy(copy), Some(from)) = (change, from) {
            return match self.as_link(copy, &from)? {
                Some(link) => self.change(&link, None, anew, name),
                None => self.copied(copy, from, anew, name),
            };
        }
        let key = self.key(change);
        if !anew && let Some(hit) = self.builder.look_up(&key) {
            return Ok((Some(hit.layer), true));
        }
        if !self.changes(change)? {
            return Ok((None, true));
        }
        let store = self.builder.engine.images.store();
        let image = store.make_written(self.nameless(), |out| {
            self.write(change, out).map_err(Error::with_way_out)
        })?;
        Ok((Some(remember(self.builder, &key, &image, name)?), false))
    }

    fn nameless(&self) -> gantry_image::NewImage {
        crate::stage::step_image(self.layers.to_vec())
    }

    fn root(&self) -> std::os::fd::BorrowedFd<'_> {
        self.root.as_fd()
    }
}
