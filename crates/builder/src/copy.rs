//! COPY and ADD: files into one layer, without a container.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use gantry_dockerfile::{Ignore, Inline};
use gantry_reference::Digest;
use rustix::fs::FileType;

use crate::Error;
use crate::archives::{is_archive, unpack};
use crate::digests::Digests;
use crate::files::{
    Chmod, Fingerprint, Found, LayerWriter, Owner, Place, Selected, Selection, content, join, link,
    normal, open, resolve, select,
};

/// Where files come from.
#[derive(Clone)]
pub(crate) enum Origin {
    /// The build's context: its files belong to root.
    Context(Arc<crate::Context>),
    /// The root of a stage or an image, with the owners that are there.
    Root(Arc<OwnedFd>),
}

impl Origin {
    fn root(&self) -> BorrowedFd<'_> {
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
    pub chown: Option<String>,
    pub chmod: Option<String>,
    pub exclude: Vec<String>,
    pub parents: bool,
    /// Whether local archives, and whether fetched ones, are unpacked.
    pub unpack: (bool, bool),
    /// The layers below, if the layer depends on them.
    pub below: Option<(Vec<Digest>, OwnedFd)>,
}

/// One entry of the layer.
enum Item<'a> {
    File {
        root: BorrowedFd<'a>,
        found: Found,
        target: Vec<u8>,
        mode: u32,
        owner: Owner,
    },
    Text {
        content: &'a [u8],
        target: Vec<u8>,
        mode: u32,
        owner: Owner,
    },
    Archive {
        root: BorrowedFd<'a>,
        found: Found,
        target: Vec<u8>,
        owner: Option<Owner>,
    },
}

/// A layer that is known but not yet written.
pub(crate) struct Plan<'a> {
    job: &'a Job,
    place: Place,
    whole: bool,
    /// For directories that have to be made.
    owner: Owner,
    items: Vec<Item<'a>>,
    /// Directories of the layers below that were gone through, as they are there.
    grounds: Vec<Place>,
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
        let count = chosen.len() + self.inline.len();
        let place = resolve(self.below(), self.destination.as_bytes())?;
        let whole = self.destination.ends_with('/')
            || count > 1
            || self.parents
            || place.at == Some(FileType::Directory)
            || chosen.iter().any(|c| c.selected.directory);
        if whole && place.at.is_some_and(|at| at != FileType::Directory) {
            return Err(Error::Invalid(format!(
                "cannot copy to non-directory: {}",
                self.destination
            )));
        }
        let chown = self.chown.as_deref().filter(|text| !text.is_empty());
        let chown = chown
            .map(|text| Owner::parse(text, self.below()))
            .transpose()?;
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
            grounds: Vec::new(),
        };
        for one in chosen {
            planner.add(one)?;
        }
        for file in &self.inline {
            planner.inline(file);
        }
        Ok(Plan {
            job: self,
            owner: chown.unwrap_or_default(),
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

/// A source and what becomes of it.
struct Chosen<'a> {
    root: BorrowedFd<'a>,
    selected: Selected,
    unpack: bool,
    fetched: bool,
}

struct Planner<'a> {
    job: &'a Job,
    chown: Option<Owner>,
    chmod: Option<Chmod>,
    whole: bool,
    place: Place,
    items: Vec<Item<'a>>,
    /// Where directories of the copy really are in the layers below.
    real: HashMap<Vec<u8>, Vec<u8>>,
    grounds: Vec<Place>,
}

impl<'a> Planner<'a> {
    fn add(&mut self, chosen: Chosen<'a>) -> Result<(), Error> {
        let Chosen {
            root,
            selected,
            unpack,
            fetched,
        } = chosen;
        if unpack
            && let Some(found) = selected.found.first()
            && is_archive(root, found)?
        {
            self.items.push(Item::Archive {
                root,
                found: found.clone(),
                target: self.place.path.clone(),
                owner: self.chown,
            });
            return Ok(());
        }
        for (number, found) in selected.found.into_iter().enumerate() {
            let top = selected.directory && number == 0;
            if top && found.below.is_empty() && self.place.at.is_some() {
                // The directory that is there stays as it is.
                continue;
            }
            let logical = if self.whole {
                join(&self.place.path, &found.below)
            } else {
                self.place.path.clone()
            };
            let target = self.target(&logical, found.kind() == FileType::Directory)?;
            let mode = self.mode(&found, fetched);
            let owner = self.owner(&found);
            self.items.push(Item::File {
                root,
                found,
                target,
                mode,
                owner,
            });
        }
        Ok(())
    }

    fn inline(&mut self, file: &'a Inline) {
        let target = if self.whole {
            join(&self.place.path, &normal(file.name.as_bytes()))
        } else {
            self.place.path.clone()
        };
        let mode = self.chmod.as_ref().map_or(0o644, |c| c.apply(0o644, false));
        self.items.push(Item::Text {
            content: file.text.as_bytes(),
            target,
            mode,
            owner: self.chown.unwrap_or_default(),
        });
    }

    /// Where a name of the copy really is: a directory on the way may be a link in the layers below.
    fn target(&mut self, logical: &[u8], directory: bool) -> Result<Vec<u8>, Error> {
        let (above, name) = match logical.iter().rposition(|b| *b == b'/') {
            Some(at) => (&logical[..at], &logical[at + 1..]),
            None => (&b""[..], logical),
        };
        let above = if above == self.place.path || above.is_empty() {
            above.to_vec()
        } else {
            match self.real.get(above) {
                Some(real) => real.clone(),
                None => self.real_directory(above)?,
            }
        };
        let path = join(&above, name);
        if !directory {
            return Ok(path);
        }
        let real = self.real_directory(&path)?;
        self.real.insert(logical.to_vec(), real.clone());
        Ok(real)
    }

    fn real_directory(&mut self, path: &[u8]) -> Result<Vec<u8>, Error> {
        let place = resolve(self.job.below(), path)?;
        let real = place.path.clone();
        self.grounds.push(place);
        Ok(real)
    }

    fn mode(&self, found: &Found, fetched: bool) -> u32 {
        let own = if fetched {
            0o600
        } else {
            found.stat.st_mode & 0o7777
        };
        let directory = found.kind() == FileType::Directory;
        match &self.chmod {
            Some(chmod) if found.kind() != FileType::Symlink => chmod.apply(own, directory),
            _ => own,
        }
    }

    fn owner(&self, found: &Found) -> Owner {
        self.chown.unwrap_or(match self.job.origin {
            None | Some(Origin::Context(_)) => Owner::default(),
            Some(Origin::Root(_)) => Owner {
                uid: found.stat.st_uid,
                gid: found.stat.st_gid,
            },
        })
    }
}

impl Plan<'_> {
    /// What the layer is made from. Reads all contents.
    pub(crate) fn key(&self) -> Result<Digest, Error> {
        let mut print = Fingerprint::new("copy 1");
        match &self.job.below {
            Some((layers, _)) => print.all(layers.iter().map(Digest::as_str)),
            None => print.add("on nothing"),
        };
        print.add(&self.place.path).add([u8::from(self.whole)]);
        print.add(format!("{:?}", self.owner));
        let mut known = Vec::new();
        for fetched in &self.job.fetched {
            if let Some(identity) = &fetched.identity {
                print.add("fetched").add(identity);
                print.add(format!("{:?} {:?}", self.job.chown, self.job.chmod));
                print.all(&self.job.exclude);
                known.push(fetched.root.as_raw_fd());
            }
        }
        let digests = match &self.job.origin {
            Some(Origin::Context(context)) => context.digests.as_ref(),
            _ => None,
        };
        for item in &self.items {
            // What a repository's commit says needs no reading.
            if !item.root().is_some_and(|root| known.contains(&root)) {
                item.print(&mut print, digests)?;
            }
        }
        Ok(print.finish())
    }

    /// Writes the layer.
    pub(crate) fn write(&self, out: impl Write) -> Result<(), Error> {
        let mut layer = LayerWriter::new(out);
        let own: HashSet<&[u8]> = self.items.iter().filter_map(Item::directory).collect();
        self.ground(&mut layer, &self.place, self.whole, &own)?;
        for place in &self.grounds {
            for (path, stat) in &place.there {
                // One that the copy changes comes with its item.
                if !own.contains(path.as_slice()) {
                    layer.known(path, stat)?;
                }
            }
            for path in place.missing(false) {
                layer.directory(&path, 0o755, self.owner, 0)?;
            }
        }
        for item in &self.items {
            item.write(&mut layer)?;
        }
        let mut out = layer.finish()?;
        out.flush().map_err(Error::file("end", "the layer"))
    }

    /// The directories that the copy goes into.
    fn ground(
        &self,
        layer: &mut LayerWriter<impl Write>,
        place: &Place,
        whole: bool,
        own: &HashSet<&[u8]>,
    ) -> Result<(), Error> {
        for (path, stat) in &place.there {
            layer.known(path, stat)?;
        }
        for path in place.missing(whole) {
            // A copied directory gives the destination its own attributes.
            if !own.contains(path.as_slice()) {
                layer.directory(&path, 0o755, self.owner, 0)?;
            }
        }
        Ok(())
    }
}

impl Item<'_> {
    /// The directory that it makes, if it makes one.
    fn directory(&self) -> Option<&[u8]> {
        match self {
            Item::File { found, target, .. } if found.kind() == FileType::Directory => Some(target),
            _ => None,
        }
    }

    /// Where it comes from.
    fn root(&self) -> Option<RawFd> {
        match self {
            Item::File { root, .. } | Item::Archive { root, .. } => Some(root.as_raw_fd()),
            Item::Text { .. } => None,
        }
    }

    fn print(&self, print: &mut Fingerprint, digests: Option<&Digests>) -> Result<(), Error> {
        match self {
            Item::File {
                root,
                found,
                target,
                mode,
                owner,
            } => {
                let kind = found.kind();
                print
                    .add(target)
                    .add(format!("{kind:?} {mode:o} {owner:?}"));
                match kind {
                    FileType::RegularFile => contents(print, *root, found, digests)?,
                    FileType::Symlink => {
                        print.add(link(*root, &found.source)?);
                    }
                    _ => {
                        print.add(found.stat.st_rdev.to_le_bytes());
                    }
                }
            }
            Item::Text {
                content,
                target,
                mode,
                owner,
            } => {
                print.add(target).add(format!("text {mode:o} {owner:?}"));
                print.add(content);
            }
            Item::Archive {
                root,
                found,
                target,
                owner,
            } => {
                print.add(target).add(format!("archive {owner:?}"));
                contents(print, *root, found, digests)?;
            }
        }
        Ok(())
    }

    fn write(&self, layer: &mut LayerWriter<impl Write>) -> Result<(), Error> {
        match self {
            Item::File {
                root,
                found,
                target,
                mode,
                owner,
            } => layer.found(*root, found, target, *mode, *owner),
            Item::Text {
                content,
                target,
                mode,
                owner,
            } => layer.text(target, content, *mode, *owner),
            Item::Archive {
                root,
                found,
                target,
                owner,
            } => unpack(layer, open(*root, &found.source)?, target, *owner),
        }
    }
}

fn contents(
    print: &mut Fingerprint,
    root: BorrowedFd<'_>,
    found: &Found,
    digests: Option<&Digests>,
) -> Result<(), Error> {
    let read = || {
        let shown = String::from_utf8_lossy(&found.source).into_owned();
        content(open(root, &found.source)?).map_err(Error::file("read", shown))
    };
    match digests {
        Some(digests) => print.add(digests.of(&found.stat, read)?),
        None => print.add(read()?.hex()),
    };
    Ok(())
}
