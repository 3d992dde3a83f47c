//! An unpacked layer's archive, kept without the files' contents and made again byte for byte.
//!
//! While the archive is unpacked, all of it that is not content of a regular file (headers, padding,
//! whatever lies behind its end) goes into a compressed file, and it is noted where which content
//! belongs. Headers compress well: this takes some percent of what the layer does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};

use crate::tree::{Content, InodeId, Tree};
use crate::upper::DIRECTORY;

const SKELETON: &str = "skeleton.zst";
const EXTENTS: &str = "extents";
/// Content that a later entry of the same archive took the place of.
const SUPERSEDED: &str = "superseded";
const LEVEL: i32 = 1;

/// What is noted of an archive on its way through a [`Recorder`].
pub(crate) struct Notes {
    out: zstd::stream::write::Encoder<'static, File>,
    position: u64,
    extents: Vec<Extent>,
    /// Whether what passes now is a file's content.
    in_content: bool,
    failed: Option<io::Error>,
}

/// A stretch of the archive that is the content of a file.
struct Extent {
    offset: u64,
    len: u64,
    file: InodeId,
}

impl Notes {
    /// Begins in a layer's directory.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        let file = File::create_new(directory.join(SKELETON))?;
        Ok(Self {
            out: zstd::stream::write::Encoder::new(file, LEVEL)?,
            position: 0,
            extents: Vec::new(),
            in_content: false,
            failed: None,
        })
    }

    /// The next bytes are this file's content.
    pub(crate) fn begin_content(&mut self, file: InodeId) {
        self.in_content = true;
        self.extents.push(Extent {
            offset: self.position,
            len: 0,
            file,
        });
    }

    /// The content is over.
    pub(crate) const fn end_content(&mut self) {
        self.in_content = false;
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.position += bytes.len() as u64;
        if self.in_content {
            if let Some(extent) = self.extents.last_mut() {
                extent.len += bytes.len() as u64;
            }
        } else if self.failed.is_none() {
            self.failed = self.out.write_all(bytes).err();
        }
    }

    /// Writes down where the contents are, once the tree is below `directory`/`root`. What no file
    /// of the tree has is still in `directory`/`staged`, under its number.
    pub(crate) fn finish(
        self,
        tree: &Tree,
        directory: &Path,
        root: &str,
        staged: &str,
    ) -> io::Result<()> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.out.finish()?;
        let paths = paths(tree);
        let mut list = Vec::new();
        for extent in self.extents.iter().filter(|extent| extent.len > 0) {
            let place = match paths.get(&extent.file) {
                Some(path) => [root.as_bytes(), path].concat(),
                None => keep_superseded(directory, staged, extent.file)?,
            };
            list.extend(extent.offset.to_le_bytes());
            list.extend(extent.len.to_le_bytes());
            list.extend((place.len() as u32).to_le_bytes());
            list.extend(place);
        }
        fs::write(directory.join(EXTENTS), list)
    }
}

fn keep_superseded(directory: &Path, staged: &str, file: InodeId) -> io::Result<Vec<u8>> {
    let kept = directory.join(SUPERSEDED);
    fs::create_dir_all(&kept)?;
    let name = file.index().to_string();
    let (from, to) = (directory.join(staged).join(&name), kept.join(&name));
    if !to.exists() {
        fs::rename(from, to)?;
    }
    Ok(format!("{SUPERSEDED}/{name}").into_bytes())
}

/// A path of every regular file of the tree, with a slash in front.
fn paths(tree: &Tree) -> HashMap<InodeId, Vec<u8>> {
    let mut found = HashMap::new();
    let mut directories = vec![(Tree::ROOT, Vec::new())];
    while let Some((id, path)) = directories.pop() {
        for (name, child) in tree.directory(id).iter().flat_map(|d| &d.children) {
            let below = [&path[..], b"/", name].concat();
            match tree.inode(*child).content {
                Content::Directory(_) => directories.push((*child, below)),
                Content::File(_) => {
                    found.entry(*child).or_insert(below);
                }
                _ => {}
            }
        }
    }
    found
}

/// Passes an archive on and takes notes of it.
pub(crate) struct Recorder<'a, R> {
    source: R,
    notes: &'a RefCell<Notes>,
}

impl<'a, R: BufRead> Recorder<'a, R> {
    pub(crate) const fn new(source: R, notes: &'a RefCell<Notes>) -> Self {
        Self { source, notes }
    }

    /// Passes what is left, to the end.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        loop {
            match self.fill_buf()?.len() {
                0 => return Ok(()),
                len => self.consume(len),
            }
        }
    }
}

impl<R: BufRead> BufRead for Recorder<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed was handed out before, so this reads nothing.
        if let Ok(bytes) = self.source.fill_buf() {
            self.notes
                .borrow_mut()
                .pass(&bytes[..amount.min(bytes.len())]);
        }
        self.source.consume(amount);
    }
}

impl<R: BufRead> Read for Recorder<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

/// The archive of an unpacked layer, as it came.
pub(crate) struct Archive {
    skeleton: zstd::stream::read::Decoder<'static, BufReader<File>>,
    extents: BufReader<File>,
    directory: OwnedFd,
    position: u64,
    next: Option<(u64, u64, Vec<u8>)>,
    content: Option<io::Take<File>>,
}

impl Archive {
    /// Opens what [`Notes`] wrote into a layer's directory; `None` if there is nothing.
    pub(crate) fn open(directory: &Path) -> io::Result<Option<Self>> {
        let extents = match File::open(directory.join(EXTENTS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let skeleton = File::open(directory.join(SKELETON))?;
        let mut archive = Self {
            skeleton: zstd::stream::read::Decoder::new(skeleton)?,
            extents: BufReader::new(extents),
            directory: File::open(directory)?.into(),
            position: 0,
            next: None,
            content: None,
        };
        archive.advance()?;
        Ok(Some(archive))
    }

    /// Reads where the next content belongs.
    fn advance(&mut self) -> io::Result<()> {
        if self.extents.fill_buf()?.is_empty() {
            self.next = None;
            return Ok(());
        }
        let mut head = [0; 20];
        self.extents.read_exact(&mut head)?;
        let number = |range: std::ops::Range<usize>| {
            let bytes = head[range].iter().rev();
            bytes.fold(0, |n, byte| n << 8 | u64::from(*byte))
        };
        let mut place = vec![0; number(16..20) as usize];
        self.extents.read_exact(&mut place)?;
        self.next = Some((number(0..8), number(8..16), place));
        Ok(())
    }

    /// Opens a file of the layer, however long its path is.
    fn open_content(&self, place: &[u8]) -> io::Result<File> {
        let mut components = place.split(|byte| *byte == b'/').peekable();
        let mut at = self.directory.try_clone()?;
        while let Some(component) = components.next() {
            let last = components.peek().is_none();
            let flags = if last {
                OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC
            } else {
                DIRECTORY
            };
            at = openat(&at, component, flags, Mode::empty())?;
        }
        Ok(at.into())
    }
}

impl Read for Archive {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(content) = &mut self.content {
            let read = content.read(buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if content.limit() == 0 {
                self.content = None;
            }
            self.position += read as u64;
            return Ok(read);
        }
        let most = match &self.next {
            None => buffer.len(),
            Some((offset, len, place)) if *offset == self.position => {
                let len = *len;
                self.content = Some(self.open_content(place)?.take(len));
                self.advance()?;
                return self.read(buffer);
            }
            Some((offset, ..)) => {
                let left = offset.saturating_sub(self.position);
                buffer
                    .len()
                    .min(usize::try_from(left).unwrap_or(usize::MAX))
            }
        };
        let read = self.skeleton.read(&mut buffer[..most])?;
        if read == 0 && self.next.is_some() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += read as u64;
        Ok(read)
    }
}
