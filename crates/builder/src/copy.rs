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
    Chmod, Fingerprint, Found, LayerWriter, Owner, Place, Selected, Selection, content, is_pattern,
    join, link, normal, open, resolve, select,
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
    pub chown: Option<Owner>,
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
        /// Which source it belongs to.
        number: usize,
        /// Whether its extended attributes are copied; those of a context are the machine's affair.
        xattrs: bool,
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
    /// The same.
    mode: u32,
    items: Vec<Item<'a>>,
    /// Directories of the layers below that were gone through, as they are there.
    grounds: Vec<(Place, bool)>,
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
    /// Directories that the layers below have.
    there: HashSet<Vec<u8>>,
    grounds: Vec<(Place, bool)>,
}

impl<'a> Planner<'a> {
    /// Adds a source; `number` tells it from the others.
    fn add(&mut self, number: usize, chosen: Chosen<'a>) -> Result<(), Error> {
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
        for (at, found) in selected.found.into_iter().enumerate() {
            if selected.directory && at == 0 && found.below.is_empty() {
                // What is in it goes into the destination, which has attributes of its own.
                continue;
            }
            let logical = if self.whole {
                join(&self.place.path, &found.below)
            } else {
                self.place.path.clone()
            };
            let target = self.target(&logical, found.kind() == FileType::Directory)?;
            if !self.whole {
                // Of several files for one name the last one stays.
                self.forget_files();
            }
            let mode = self.mode(&found, fetched);
            let owner = self.owner(&found);
            self.items.push(Item::File {
                root,
                found,
                target,
                mode,
                owner,
                number,
                xattrs: matches!(self.job.origin, Some(Origin::Root(_))),
            });
        }
        Ok(())
    }

    fn forget_files(&mut self) {
        self.items
            .retain(|item| matches!(item, Item::Archive { .. }));
    }

    fn inline(&mut self, file: &'a Inline) {
        if !self.whole {
            self.forget_files();
        }
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
                None => self.real_directory(above, true)?,
            }
        };
        let path = join(&above, name);
        if !directory {
            self.refuse_directory(&above, &path)?;
            return Ok(path);
        }
        let real = self.real_directory(&path, false)?;
        self.real.insert(logical.to_vec(), real.clone());
        Ok(real)
    }

    /// Where a directory of the copy is; `made` says that it has to be made, too, since nothing of the copy makes it.
    fn real_directory(&mut self, path: &[u8], made: bool) -> Result<Vec<u8>, Error> {
        let place = resolve(self.job.below(), path)?;
        let real = place.path.clone();
        match place.at {
            Some(FileType::Directory) => drop(self.there.insert(real.clone())),
            Some(_) => {
                let path = String::from_utf8_lossy(&real);
                return Err(Error::Invalid(format!(
                    "cannot copy to non-directory: /{path}"
                )));
            }
            None => {}
        }
        self.grounds.push((place, made));
        Ok(real)
    }

    /// A file takes the place of another one, not of a directory.
    fn refuse_directory(&self, above: &[u8], path: &[u8]) -> Result<(), Error> {
        let Some(below) = self.job.below().filter(|_| self.there.contains(above)) else {
            return Ok(());
        };
        if is_directory(below, path)? {
            return Err(Error::Invalid(format!(
                "cannot replace to directory /{} with file",
                String::from_utf8_lossy(path)
            )));
        }
        Ok(())
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
        // Which names are one file.
        let mut linked = HashMap::new();
        for (at, item) in self.items.iter().enumerate() {
            // What a repository's commit says needs no reading.
            if item.root().is_some_and(|root| known.contains(&root)) {
                continue;
            }
            item.print(&mut print, digests)?;
            if let Some(file) = item.linked() {
                print.add(format!("same as {}", linked.entry(file).or_insert(at)));
            }
        }
        Ok(print.finish())
    }

    /// Writes the layer.
    pub(crate) fn write(&self, out: impl Write) -> Result<(), Error> {
        let mut layer = LayerWriter::new(out);
        if self.items.is_empty() && self.job.matches_nothing() {
            let mut out = layer.finish()?;
            return out.flush().map_err(Error::file("end", "the layer"));
        }
        let own: HashSet<&[u8]> = self.items.iter().filter_map(Item::directory).collect();
        self.ground(&mut layer, &self.place, self.whole, &own)?;
        for (place, made) in &self.grounds {
            // One that the copy makes or changes comes with its item.
            for (path, stat) in &place.there {
                if !own.contains(path.as_slice()) {
                    layer.known(path, stat)?;
                }
            }
            for path in place.missing(*made) {
                if !own.contains(path.as_slice()) {
                    layer.directory(&path, self.mode, self.owner, 0)?;
                }
            }
        }
        let mut number = 0;
        for item in &self.items {
            if item.number() != number {
                // Names of one file are kept together within a source.
                number = item.number();
                layer.forget_links();
            }
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
                layer.directory(&path, self.mode, self.owner, 0)?;
            }
        }
        Ok(())
    }
}

impl Item<'_> {
    /// The directory that it makes, if it makes one.
    fn directory(&self) -> Option<&[u8]> {
        match self {
            Self::File { found, target, .. } if found.kind() == FileType::Directory => Some(target),
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

    /// Tells the file among others, if it has several names.
    fn linked(&self) -> Option<(usize, u64, u64)> {
        match self {
            Self::File { found, number, .. }
                if found.kind() == FileType::RegularFile && found.stat.st_nlink > 1 =>
            {
                Some((*number, found.stat.st_dev, found.stat.st_ino))
            }
            _ => None,
        }
    }

    /// Which source it belongs to.
    fn number(&self) -> usize {
        match self {
            Self::File { number, .. } => *number,
            Self::Text { .. } | Self::Archive { .. } => 0,
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
                xattrs,
                ..
            } => {
                let kind = found.kind();
                print
                    .add(target)
                    .add(format!("{kind:?} {mode:o} {owner:?} {xattrs}"));
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
                xattrs,
                ..
            } => layer.found(*root, found, target, (*mode, *owner), *xattrs),
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

/// Whether a path of a root is a directory itself.
fn is_directory(root: BorrowedFd<'_>, path: &[u8]) -> Result<bool, Error> {
    let path = crate::files::c_path(path)?;
    let stat = rustix::fs::statat(root, &path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
    Ok(stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory))
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
