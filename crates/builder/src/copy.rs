//! COPY and ADD: files into one layer, without a container.

use std::collections::HashMap;
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
        let digests = match &self.job.origin {
            Some(Origin::Context(context)) => context.digests.as_ref(),
            _ => None,
        };
        for item in &self.items {
            item.print(&mut print, digests)?;
        }
        Ok(print.finish())
    }

    /// Writes the layer.
    pub(crate) fn write(&self, out: impl Write) -> Result<(), Error> {
        let mut layer = LayerWriter::new(out);
        self.ground(&mut layer, &self.place, self.whole)?;
        for place in &self.grounds {
            for (path, stat) in &place.there {
                // One that the copy changes comes with its item.
                if !self.items.iter().any(|item| item.is_directory(path)) {
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
        layer.finish().map(drop)
    }

    /// The directories that the copy goes into.
    fn ground(
        &self,
        layer: &mut LayerWriter<impl Write>,
        place: &Place,
        whole: bool,
    ) -> Result<(), Error> {
        for (path, stat) in &place.there {
            layer.known(path, stat)?;
        }
        for path in place.missing(whole) {
            // A copied directory gives the destination its own attributes.
            if !self.items.iter().any(|item| item.is_directory(&path)) {
                layer.directory(&path, 0o755, self.owner, 0)?;
            }
        }
        Ok(())
    }
}

impl Item<'_> {
    fn is_directory(&self, path: &[u8]) -> bool {
        matches!(self, Item::File { found, target, .. }
            if found.kind() == FileType::Directory && target == path)
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
            return Err(Error::Invalid(format!(
                "the archive has the hostile name {shown:?}"
            )));
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
