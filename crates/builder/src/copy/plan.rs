//! What the layer will be: its key, and its archive.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::os::fd::AsRawFd;

use gantry_reference::Digest;

use super::item::Item;
use super::{Job, Origin};
use crate::Error;
use crate::files::{Fingerprint, LayerWriter, Owner, Place};

/// A layer that is known but not yet written.
pub(crate) struct Plan<'a> {
    pub(super) job: &'a Job,
    pub(super) place: Place,
    pub(super) whole: bool,
    /// For directories that have to be made.
    pub(super) owner: Owner,
    /// The same.
    pub(super) mode: u32,
    pub(super) items: Vec<Item<'a>>,
    /// Directories of the layers below that were gone through, as they are there.
    pub(super) grounds: Vec<(Place, bool)>,
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
            Some(Origin::Context(context)) => context.digests.as_deref(),
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
