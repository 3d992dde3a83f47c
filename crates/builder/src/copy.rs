//! COPY and ADD: files into one layer, without a container.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use gantry_dockerfile::{Ignore, Inline};
use gantry_reference::Digest;
use rustix::fs::FileType;
use tar::EntryType;

use crate::Error;
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

/// A file that was fetched: the folder that it lies in, and its name.
pub(crate) struct Fetched {
    pub root: OwnedFd,
    pub name: String,
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
            for selected in select(&fetched.name, &selection)? {
                chosen.push(Chosen {
                    root: fetched.root.as_fd(),
                    selected,
                    unpack: self.unpack.1,
                    fetched: true,
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
        match is_directory(below, path)? {
            false => Ok(()),
            true => Err(Error::Invalid(format!(
                "cannot replace to directory /{} with file",
                String::from_utf8_lossy(path)
            ))),
        }
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
        let digests = match &self.job.origin {
            Some(Origin::Context(context)) => context.digests.as_ref(),
            _ => None,
        };
        // Which names are one file.
        let mut linked = HashMap::new();
        for (at, item) in self.items.iter().enumerate() {
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
            return layer.finish().map(drop);
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
        layer.finish().map(drop)
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

/// Whether a file is a tar, compressed or not.
fn is_archive(root: BorrowedFd<'_>, found: &Found) -> Result<bool, Error> {
    if found.kind() != FileType::RegularFile || found.stat.st_size == 0 {
        return Ok(false);
    }
    let mut head = [0; 512];
    let file = open(root, &found.source)?;
    let Ok(mut plain) = gantry_archive::decode(file) else {
        return Ok(false);
    };
    let whole = plain.read_exact(&mut head).is_ok();
    Ok(whole && (&head[257..262] == b"ustar" || checksum_fits(&head)))
}

/// Archives from before POSIX have no magic, but a checksum.
fn checksum_fits(head: &[u8; 512]) -> bool {
    let text = String::from_utf8_lossy(&head[148..156]).into_owned();
    let told = u32::from_str_radix(text.trim_matches(['\0', ' ']), 8);
    let blank = |at: usize, byte: u8| if (148..156).contains(&at) { b' ' } else { byte };
    let sum: u32 = head
        .iter()
        .enumerate()
        .map(|(at, b)| u32::from(blank(at, *b)))
        .sum();
    head[0] != 0 && told == Ok(sum)
}

/// Writes an archive's entries below a directory.
fn unpack(
    layer: &mut LayerWriter<impl Write>,
    mut file: std::fs::File,
    target: &[u8],
    owner: Option<Owner>,
) -> Result<(), Error> {
    let unreadable = |e: std::io::Error| Error::Invalid(format!("the archive cannot be read: {e}"));
    file.rewind().map_err(unreadable)?;
    let mut archive = tar::Archive::new(gantry_archive::decode(file).map_err(unreadable)?);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path_bytes().into_owned();
        if name.split(|b| *b == b'/').any(|part| part == b"..") {
            let shown = String::from_utf8_lossy(&name).into_owned();
            return Err(Error::Invalid(format!("invalid entry name {shown:?}")));
        }
        let path = join(target, &normal(&name));
        let mut header = entry.header().clone();
        if let Some(owner) = owner {
            header.set_uid(owner.uid.into());
            header.set_gid(owner.gid.into());
        }
        header.set_size(entry.size());
        let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
        let link = match (header.entry_type(), link) {
            (EntryType::Link, Some(link)) => Some(join(target, &normal(&link))),
            (EntryType::Symlink, link) => link,
            _ => None,
        };
        match header.entry_type() {
            EntryType::Regular
            | EntryType::Continuous
            | EntryType::Link
            | EntryType::Symlink
            | EntryType::Directory
            | EntryType::Fifo
            | EntryType::Char
            | EntryType::Block => layer.entry(&header, &path, link.as_deref(), &mut entry)?,
            EntryType::GNUSparse => {
                return Err(Error::NotSupported(format!(
                    "unpacking the sparse file {}",
                    String::from_utf8_lossy(&name)
                )));
            }
            _ => {}
        }
    }
    Ok(())
}
