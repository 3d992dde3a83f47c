//! The files of an image: its layers, one over the other.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use anyhow::Result;
use sha2::{Digest, Sha256};
use tar::{Archive, EntryType, Header};

/// Files are as old as their context, or new: the context's date is long ago.
const LONG_AGO: u64 = 1_600_000_000;

/// A root file system.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, File>,
    inodes: usize,
    gone: Vec<String>,
}

#[derive(Debug, Clone)]
struct File {
    /// As it is shown, without its name.
    text: String,
    inode: usize,
    directory: bool,
    base: bool,
}

impl Tree {
    /// Puts a layer on top. Files of base images are known by being there alone.
    pub(super) fn apply(&mut self, layer: &mut dyn Read, base: bool) -> Result<()> {
        for entry in Archive::new(layer).entries()? {
            let mut entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.trim_start_matches("./").trim_matches('/').to_owned();
            if name.is_empty() {
                continue;
            }
            let (above, last) = name.rsplit_once('/').unwrap_or(("", &name));
            if last == ".wh..wh..opq" {
                self.remove_below(above);
                continue;
            }
            if let Some(hidden) = last.strip_prefix(".wh.") {
                let hidden = if above.is_empty() {
                    hidden.to_owned()
                } else {
                    format!("{above}/{hidden}")
                };
                self.remove(&hidden);
                continue;
            }
            let xattrs = xattrs(&mut entry)?;
            self.add(&name, &mut entry, &xattrs, base)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: &str,
        entry: &mut tar::Entry<'_, &mut dyn Read>,
        xattrs: &str,
        base: bool,
    ) -> Result<()> {
        let header = entry.header().clone();
        if header.entry_type() == EntryType::Link {
            let target = entry.link_name_bytes().unwrap_or_default();
            let target = String::from_utf8_lossy(&target).into_owned();
            let target = target.trim_start_matches("./").trim_start_matches('/');
            if let Some(known) = self.files.get(target) {
                let known = known.clone();
                self.files.insert(name.to_owned(), File { base, ..known });
            }
            return Ok(());
        }
        let text = described(&header, entry, base)? + xattrs;
        let directory = header.entry_type() == EntryType::Directory;
        match self.files.get(name) {
            // A directory of the base image that comes again because something in it is new.
            Some(known) if directory && known.directory && known.text == text => return Ok(()),
            Some(known) if !(directory && known.directory) => self.remove_below(name),
            _ => {}
        }
        self.inodes += 1;
        let file = File {
            text,
            inode: self.inodes,
            directory,
            base,
        };
        self.files.insert(name.to_owned(), file);
        Ok(())
    }

    fn remove(&mut self, name: &str) {
        self.remove_below(name);
        if self.files.remove(name).is_some_and(|file| file.base) {
            self.gone.push(name.to_owned());
        }
    }

    fn remove_below(&mut self, name: &str) {
        let inside = format!("{name}/");
        self.files.retain(|path, _| !path.starts_with(&inside));
    }
}

/// Kind, mode, owner, and what is in it.
fn described(
    header: &Header,
    content: &mut tar::Entry<'_, &mut dyn Read>,
    base: bool,
) -> Result<String> {
    let (letter, more) = match header.entry_type() {
        EntryType::Directory => ('d', String::new()),
        EntryType::Symlink => {
            let target = content.link_name_bytes().unwrap_or_default();
            ('l', format!(" -> {}", String::from_utf8_lossy(&target)))
        }
        EntryType::Char | EntryType::Block => (
            'n',
            format!(" {:?}:{:?}", header.device_major()?, header.device_minor()?),
        ),
        EntryType::Fifo => ('p', String::new()),
        _ if base => ('f', String::new()),
        _ => ('f', format!(" {}", contents(content)?)),
    };
    let mode = if letter == 'l' {
        0o777
    } else {
        header.mode()? & 0o7777
    };
    let age = match (letter, header.mtime()?) {
        ('d', _) => "",
        (_, 0) => " epoch",
        (_, seconds) if seconds < LONG_AGO => " old",
        _ => " new",
    };
    Ok(format!(
        "{letter} {mode:o} {}:{}{age}{more}",
        header.uid()?,
        header.gid()?
    ))
}

/// Size and hash.
fn contents(content: &mut impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    let hash = Sha256::digest(&bytes);
    let short: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("{} {short}", bytes.len()))
}

fn xattrs(entry: &mut tar::Entry<'_, &mut dyn Read>) -> Result<String> {
    let mut found = BTreeMap::new();
    for record in entry.pax_extensions()?.into_iter().flatten() {
        let record = record?;
        if let Some(name) = record.key()?.strip_prefix("SCHILY.xattr.") {
            let value = record.value_bytes().escape_ascii().to_string();
            found.insert(name.to_owned(), value);
        }
    }
    Ok(found
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect())
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first: BTreeMap<usize, &str> = BTreeMap::new();
        for (name, file) in &self.files {
            if file.base {
                continue;
            }
            match first.get(&file.inode) {
                Some(known) => writeln!(f, "/{name} = /{known}")?,
                None => writeln!(f, "/{name} {}", file.text)?,
            }
            first.entry(file.inode).or_insert(name);
        }
        for name in &self.gone {
            if !self.files.contains_key(name) {
                writeln!(f, "/{name} gone")?;
            }
        }
        Ok(())
    }
}
