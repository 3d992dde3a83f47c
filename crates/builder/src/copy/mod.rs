//! COPY and ADD: files into one layer, without a container.
//!
//! A [`Job`] says what is wanted. `planner` selects the files and finds their places, which makes a [`Plan`] of `item`s.

mod item;
mod known;
mod plan;
mod planner;

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use gantry_dockerfile::{Ignore, Inline};
use gantry_reference::Digest;
use rustix::fs::FileType;

use crate::Error;
use crate::files::{Chmod, Owner, Selection, is_pattern, resolve, select};

use item::Item;
pub(crate) use known::KnownKeys;
pub(crate) use plan::Plan;
use planner::{Chosen, Planner};

/// Where files come from.
#[derive(Clone)]
pub(crate) enum Origin {
    /// The build's context: its files belong to root.
    Context(Arc<crate::Context>),
    /// The root of a stage or an image, with the owners that are there.
    Root(Arc<OwnedFd>),
}

impl Origin {
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        match self {
            Self::Context(context) => context.root(),
            Self::Root(root) => root.as_fd(),
        }
    }
}

/// What was fetched: the folder that it lies in, and its name; without a name it is the folder's files.
pub(crate) struct Fetched {
    pub root: OwnedFd,
    pub name: String,
    /// What it is, if that says more than its files do: a repository's commit.
    pub identity: Option<String>,
    /// Keeps the folder.
    pub _folder: tempfile::TempDir,
}

/// What is to be copied, and how.
pub(crate) struct Job {
    /// None where nothing is taken from a folder.
    pub origin: Option<Origin>,
    pub paths: Vec<String>,
    pub fetched: Vec<Fetched>,
    pub inline: Vec<Inline>,
    /// Absolute; a slash at its end says that it is a directory.
    pub destination: String,
    pub chown: Option<Owner>,
    pub chmod: Option<String>,
    pub exclude: Vec<String>,
    pub parents: bool,
    /// Whether local archives, and whether fetched ones, are unpacked.
    pub unpack: (bool, bool),
    /// The layers below, if the layer depends on them.
    pub below: Option<(Vec<Digest>, OwnedFd)>,
}

impl Job {
    /// All that is at a path, as it is.
    pub(crate) fn of_all(origin: Origin, path: &str) -> Self {
        Self {
            origin: Some(origin),
            paths: vec![path.to_owned()],
            fetched: Vec::new(),
            inline: Vec::new(),
            destination: "/".to_owned(),
            chown: None,
            chmod: None,
            exclude: Vec::new(),
            parents: false,
            unpack: (false, false),
            below: None,
        }
    }

    fn below(&self) -> Option<BorrowedFd<'_>> {
        self.below.as_ref().map(|(_, root)| root.as_fd())
    }

    /// Selects the files and finds their places.
    pub(crate) fn plan(&self) -> Result<Plan<'_>, Error> {
        let chosen = self.chosen()?;
        let place = resolve(self.below(), self.destination.as_bytes())?;
        let whole = self.destination.ends_with('/')
            || self.parents
            || place.at == Some(FileType::Directory)
            || chosen.iter().any(|c| c.selected.directory);
        if whole && place.at.is_some_and(|at| at != FileType::Directory) {
            let path = format!("/{}", String::from_utf8_lossy(&place.path));
            return Err(Error::Invalid(
                if chosen.iter().any(|c| c.selected.directory) {
                    format!("cannot copy to non-directory: {path}")
                } else {
                    format!("mkdir {path}: not a directory")
                },
            ));
        }
        let chown = self.chown;
        let chmod = self.chmod.as_deref().filter(|text| !text.is_empty());
        let chmod = chmod.map(Chmod::parse).transpose()?;
        let mut planner = Planner {
            job: self,
            chown,
            chmod,
            whole,
            place,
            items: Vec::new(),
            real: HashMap::new(),
            there: HashSet::new(),
            grounds: Vec::new(),
        };
        if planner.place.at == Some(FileType::Directory) {
            planner.there.insert(planner.place.path.clone());
        }
        for (number, one) in chosen.into_iter().enumerate() {
            planner.add(number, one)?;
        }
        for file in &self.inline {
            planner.inline(file);
        }
        // An archive is unpacked into a directory.
        let archive = |item: &Item<'_>| matches!(item, Item::Archive { .. });
        let whole = whole || planner.items.iter().any(archive);
        Ok(Plan {
            job: self,
            owner: chown.unwrap_or_default(),
            mode: planner
                .chmod
                .as_ref()
                .map_or(0o755, |c| c.apply(0o755, true)),
            place: planner.place,
            whole,
            items: planner.items,
            grounds: planner.grounds,
        })
    }

    /// Copies into a folder that is no layer.
    pub(crate) fn write_into(&self, folder: BorrowedFd<'_>) -> Result<(), Error> {
        let plan = self.plan()?;
        let (reader, writer) = std::io::pipe().map_err(Error::file("make", "a pipe"))?;
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| plan.write(std::io::BufWriter::new(writer)));
            let unpacked = gantry_engine::unpack_into(folder, reader, "the files");
            let written = writing
                .join()
                .unwrap_or_else(|_| Err(Error::CutOff("a copy".to_owned())));
            // A reader that ends early breaks the writer, and says why.
            unpacked.map_err(Error::from).and(written)
        })
    }

    /// Whether nothing at all is to be copied: no pattern fits anything.
    fn matches_nothing(&self) -> bool {
        self.inline.is_empty()
            && self.fetched.is_empty()
            && !self.paths.is_empty()
            && self.paths.iter().all(|path| is_pattern(path))
    }

    /// All sources that there are.
    fn chosen(&self) -> Result<Vec<Chosen<'_>>, Error> {
        let bad = |problem: gantry_dockerfile::Problem| Error::Invalid(problem.to_string());
        let exclude = Ignore::new(&self.exclude).map_err(bad)?;
        let mut chosen = Vec::new();
        if let Some(origin) = &self.origin {
            let selection = Selection {
                root: origin.root(),
                ignore: match origin {
                    Origin::Context(context) => Some(&context.ignore),
                    Origin::Root(_) => None,
                },
                exclude: &exclude,
                parents: self.parents,
            };
            for path in &self.paths {
                for selected in select(path, &selection)? {
                    let unpack = self.unpack.0 && !selected.directory;
                    chosen.push(Chosen {
                        root: origin.root(),
                        selected,
                        unpack,
                        fetched: false,
                    });
                }
            }
        }
        let nothing = Ignore::new([""; 0]).map_err(bad)?;
        for fetched in &self.fetched {
            let selection = Selection {
                root: fetched.root.as_fd(),
                ignore: None,
                exclude: &nothing,
                parents: false,
            };
            let path = if fetched.name.is_empty() {
                "."
            } else {
                &fetched.name
            };
            for selected in select(path, &selection)? {
                chosen.push(Chosen {
                    root: fetched.root.as_fd(),
                    unpack: self.unpack.1 && !selected.directory,
                    selected,
                    // Files of a repository have modes of their own.
                    fetched: fetched.identity.is_none(),
                });
            }
        }
        Ok(chosen)
    }
}
