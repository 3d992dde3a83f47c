//! From a byte stream to entries.

use std::io::{self, BufRead};

use super::header::{Dialect, Header, text};
use super::pax::{Records, decimal};
use super::sparse::Map;
use super::{ArchiveError, Attributes, BLOCK, Data, Entry, Kind};

/// Extension headers (long names, pax records) are held in memory; Go's reader allows as much.
const MAX_EXTENSION: u64 = 1 << 20;

/// Reads the entries of an archive, in order, from a stream.
///
/// ```no_run
/// # let tar = [0u8; 1024];
/// let mut reader = gantry_snapshot::tar::Reader::new(&tar[..]);
/// while let Some(entry) = reader.next_entry()? {
///     // For a regular file: reader.read_data(|bytes| …) or nothing, to skip its content.
///     println!("{}", String::from_utf8_lossy(&entry.path));
/// }
/// # Ok::<(), gantry_snapshot::tar::ArchiveError>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    position: u64,
    /// Content of the current entry not read yet, and the padding behind it.
    data_left: u64,
    padding: u64,
    ended: bool,
}

/// What extension headers in front of an entry said about it.
#[derive(Default)]
struct Extensions {
    pax: Option<Records>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<R: BufRead> Reader<R> {
    /// Starts at the beginning of an archive.
    pub fn new(source: R) -> Self {
        Self {
            source,
            position: 0,
            data_left: 0,
            padding: 0,
            ended: false,
        }
    }

    /// The next entry; `None` at the end of the archive (bytes may still follow in the stream).
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ArchiveError> {
        self.skip_rest()?;
        let mut extensions = Extensions::default();
        while !self.ended {
            let at = self.position;
            let Some(block) = self.read_header_block()? else {
                break;
            };
            let header = Header::parse(&block, at)?;
            match header.flag() {
                b'x' => extensions.pax = Some(Records::parse(&self.extension(&header, at)?, at)?),
                b'L' => extensions.long_name = Some(self.long_text(&header, at)?),
                b'K' => extensions.long_link = Some(self.long_text(&header, at)?),
                // Global pax headers and GNU volume labels describe no file.
                b'g' | b'V' => {
                    self.set_data(header.size()?);
                    self.skip_rest()?;
                }
                _ => return self.entry(&header, extensions, at).map(Some),
            }
        }
        Ok(None)
    }

    /// Hands the current entry's stored content to `sink`, in pieces.
    pub fn read_data<E: From<ArchiveError>>(
        &mut self,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.data_left > 0 {
            let piece = fill(&mut self.source).map_err(ArchiveError::Read)?;
            if piece.is_empty() {
                return Err(ArchiveError::Truncated(self.position).into());
            }
            let len = piece
                .len()
                .min(usize::try_from(self.data_left).unwrap_or(usize::MAX));
            sink(&piece[..len])?;
            self.source.consume(len);
            self.position += len as u64;
            self.data_left -= len as u64;
        }
        Ok(())
    }

    /// The stream behind what has been read.
    pub fn into_inner(self) -> R {
        self.source
    }

    fn skip_rest(&mut self) -> Result<(), ArchiveError> {
        self.read_data(|_| Ok::<_, ArchiveError>(()))?;
        // Missing padding behind the last entry is forgiven, as Go's reader does.
        while self.padding > 0 {
            let len = fill(&mut self.source)?.len().min(self.padding as usize);
            if len == 0 {
                self.ended = true;
                return Ok(());
            }
            self.source.consume(len);
            self.position += len as u64;
            self.padding -= len as u64;
        }
        Ok(())
    }

    fn set_data(&mut self, size: u64) {
        self.data_left = size;
        self.padding = size.next_multiple_of(BLOCK) - size;
    }

    /// `None` at the two zero blocks that end an archive, or at the end of the stream.
    fn read_header_block(&mut self) -> Result<Option<[u8; 512]>, ArchiveError> {
        let mut block = [0; 512];
        for zero_blocks in 0..2 {
            if !self.read_block(&mut block)? {
                self.ended = true;
                return Ok(None);
            }
            if block != [0; 512] {
                // Go's reader takes a lone zero block for damage; so do we.
                return match zero_blocks {
                    0 => Ok(Some(block)),
                    _ => Err(ArchiveError::Checksum(self.position - BLOCK)),
                };
            }
        }
        self.ended = true;
        Ok(None)
    }

    /// `false` at a clean end of the stream.
    fn read_block(&mut self, block: &mut [u8; 512]) -> Result<bool, ArchiveError> {
        let mut filled = 0;
        while filled < block.len() {
            let piece = fill(&mut self.source)?;
            if piece.is_empty() {
                return match filled {
                    0 => Ok(false),
                    _ => Err(ArchiveError::Truncated(self.position)),
                };
            }
            let len = piece.len().min(block.len() - filled);
            block[filled..filled + len].copy_from_slice(&piece[..len]);
            self.source.consume(len);
            self.position += len as u64;
            filled += len;
        }
        Ok(true)
    }

    fn extension(&mut self, header: &Header<'_>, at: u64) -> Result<Vec<u8>, ArchiveError> {
        let size = header.size()?;
        if size > MAX_EXTENSION {
            return Err(ArchiveError::ExtensionTooLong {
                at,
                size,
                max: MAX_EXTENSION,
            });
        }
        self.set_data(size);
        let mut body = Vec::with_capacity(size as usize);
        self.read_data(|piece| {
            body.extend_from_slice(piece);
            Ok::<_, ArchiveError>(())
        })?;
        self.skip_rest()?;
        Ok(body)
    }

    fn long_text(&mut self, header: &Header<'_>, at: u64) -> Result<Vec<u8>, ArchiveError> {
        Ok(text(&self.extension(header, at)?).to_vec())
    }

    fn entry(
        &mut self,
        header: &Header<'_>,
        extensions: Extensions,
        at: u64,
    ) -> Result<Entry, ArchiveError> {
        let mut pax = extensions.pax.unwrap_or_default();
        let path = extensions
            .long_name
            .or_else(|| pax.sparse.name.take())
            .or_else(|| pax.path.take())
            .unwrap_or_else(|| header.path());
        let link = extensions
            .long_link
            .or_else(|| pax.link.take())
            .unwrap_or_else(|| header.link());
        let kind = match header.flag() {
            // V7 archives have no flag for directories but the slash.
            0 if header.dialect() == Dialect::V7 && path.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::File(self.data(header, &pax, &path)?),
            b'1' => Kind::HardLink(link),
            b'2' => Kind::Symlink(link),
            b'3' | b'4' => device(header)?,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            flag => {
                let name = String::from_utf8_lossy(&path).into_owned();
                return Err(ArchiveError::UnknownType {
                    name,
                    flag: char::from(flag),
                });
            }
        };
        Ok(Entry {
            path,
            attributes: attributes(header, pax, at)?,
            kind,
        })
    }

    /// Finds a regular file's content, reading the sparse map if there is one.
    fn data(
        &mut self,
        header: &Header<'_>,
        pax: &Records,
        path: &[u8],
    ) -> Result<Data, ArchiveError> {
        let stored = pax.size.map_or_else(|| header.size(), Ok)?;
        // Positions of content are computed with; nothing real comes near this.
        if stored > i64::MAX as u64 / 2 {
            return Err(ArchiveError::Number {
                at: self.position,
                field: "size",
            });
        }
        let bad_map = |why| ArchiveError::Sparse {
            name: String::from_utf8_lossy(path).into_owned(),
            why,
        };
        let sparse = &pax.sparse;
        let (map, real_size) = if header.flag() == b'S' {
            let map = self.old_gnu_map(header, path)?;
            self.set_data(stored);
            (map, header.gnu_real_size()?)
        } else if sparse.major == Some(1) && sparse.minor == Some(0) {
            self.set_data(stored);
            let real_size = sparse.real_size.ok_or_else(|| bad_map("no real size"))?;
            (self.inline_map(path)?, real_size)
        } else if sparse.blocks.is_some() || sparse.map.is_some() {
            self.set_data(stored);
            let real_size = sparse.real_size.ok_or_else(|| bad_map("no real size"))?;
            (Map::from_records(sparse).map_err(bad_map)?, real_size)
        } else {
            self.set_data(stored);
            return Ok(Data {
                size: stored,
                offset: self.position,
                stored,
                sparse: None,
            });
        };
        if real_size > i64::MAX as u64 {
            return Err(bad_map("absurd size"));
        }
        map.into_data(real_size, self.position, self.data_left)
            .map_err(bad_map)
    }

    fn old_gnu_map(&mut self, header: &Header<'_>, path: &[u8]) -> Result<Map, ArchiveError> {
        let bad_map = |why| ArchiveError::Sparse {
            name: String::from_utf8_lossy(path).into_owned(),
            why,
        };
        let (fields, mut more) = header.gnu_sparse();
        let mut map = Map::default();
        map.push_gnu(fields).map_err(bad_map)?;
        while more {
            let mut block = [0; 512];
            if !self.read_block(&mut block)? {
                return Err(ArchiveError::Truncated(self.position));
            }
            map.push_gnu(&block[..504]).map_err(bad_map)?;
            more = block[504] != 0;
        }
        Ok(map)
    }

    /// Pax 1.0: decimal lines (count, then offset and length each) padded to a full block.
    fn inline_map(&mut self, path: &[u8]) -> Result<Map, ArchiveError> {
        let bad_map = |why| ArchiveError::Sparse {
            name: String::from_utf8_lossy(path).into_owned(),
            why,
        };
        let mut lines = Lines::default();
        let mut next = |reader: &mut Self| -> Result<u64, ArchiveError> {
            loop {
                if let Some(line) = lines.next() {
                    return decimal(&line).ok_or_else(|| bad_map("malformed number"));
                }
                // A number has at most 20 digits.
                if lines.pending() > 20 || reader.data_left < BLOCK {
                    return Err(bad_map("the map does not end"));
                }
                let mut block = [0; 512];
                if !reader.read_block(&mut block)? {
                    return Err(ArchiveError::Truncated(reader.position));
                }
                reader.data_left -= BLOCK;
                lines.push(&block);
            }
        };
        let count = next(self)?;
        let mut map = Map::default();
        for _ in 0..count {
            let offset = next(self)?;
            let len = next(self)?;
            map.push(offset, len).map_err(bad_map)?;
        }
        Ok(map)
    }
}

/// Lines of text that arrives in blocks.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    start: usize,
}

impl Lines {
    fn push(&mut self, block: &[u8]) {
        self.text.drain(..self.start);
        self.start = 0;
        self.text.extend_from_slice(block);
    }

    fn pending(&self) -> usize {
        self.text.len() - self.start
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let rest = &self.text[self.start..];
        let end = rest.iter().position(|b| *b == b'\n')?;
        let line = rest[..end].to_vec();
        self.start += end + 1;
        Some(line)
    }
}

fn device(header: &Header<'_>) -> Result<Kind, ArchiveError> {
    let (major, minor) = header.device()?;
    Ok(match header.flag() {
        b'3' => Kind::CharDevice { major, minor },
        _ => Kind::BlockDevice { major, minor },
    })
}

fn attributes(header: &Header<'_>, pax: Records, at: u64) -> Result<Attributes, ArchiveError> {
    let id = |value: i64, field| {
        u32::try_from(value)
            .ok()
            // (uid_t)-1 means "no change" to chown(2).
            .filter(|id| *id != u32::MAX)
            .ok_or(ArchiveError::Number { at, field })
    };
    let (mtime, mtime_nsec) = match pax.mtime {
        Some(time) => time,
        None => (header.mtime()?, 0),
    };
    Ok(Attributes {
        mode: header.mode()?,
        uid: id(pax.uid.map_or_else(|| header.uid(), Ok)?, "uid")?,
        gid: id(pax.gid.map_or_else(|| header.gid(), Ok)?, "gid")?,
        mtime,
        mtime_nsec,
        xattrs: pax.xattrs,
    })
}

fn fill<R: BufRead>(source: &mut R) -> io::Result<&[u8]> {
    // Not a loop around `fill_buf` itself: the borrow checker cannot see that it ends.
    loop {
        match source.fill_buf() {
            Ok(_) => break,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    source.fill_buf()
}
