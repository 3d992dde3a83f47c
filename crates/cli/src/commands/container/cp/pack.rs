//! Our files as an archive.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use gantry_archive::append_large;
use tar::{Builder, EntryType, Header};

use crate::upload::made;

/// How much was packed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

impl Count {
    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A file or directory under another name, packed as it travels. What cannot be read ends the
/// archive with its error.
pub(crate) fn archive(
    source: PathBuf,
    base: String,
) -> io::Result<(
    impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    Count,
)> {
    let count = Count::default();
    let counter = count.clone();
    let packed = made("pack", move |upload| {
        let mut builder = Builder::new(upload);
        add(&mut builder, &source, Path::new(&base), &counter)?;
        builder.finish()
    })?;
    Ok((packed, count))
}

fn add<W: Write>(
    builder: &mut Builder<W>,
    path: &Path,
    name: &Path,
    count: &Count,
) -> io::Result<()> {
    let with_name =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let metadata = path.symlink_metadata().map_err(with_name)?;
    let mut header = Header::new_gnu();
    header.set_metadata(&metadata);
    if metadata.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        return builder.append_link(&mut header, name, fs::read_link(path).map_err(with_name)?);
    }
    if metadata.is_dir() {
        header.set_size(0);
        builder.append_data(&mut header, name, io::empty())?;
        let mut entries: Vec<PathBuf> = fs::read_dir(path)
            .map_err(with_name)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .map_err(with_name)?;
        entries.sort();
        for entry in entries {
            let inner = entry
                .file_name()
                .map(|last| name.join(last))
                .unwrap_or_default();
            add(builder, &entry, &inner, count)?;
        }
        return Ok(());
    }
    if !metadata.is_file() {
        header.set_size(0);
        return builder.append_data(&mut header, name, io::empty());
    }
    count.0.fetch_add(metadata.len(), Ordering::Relaxed);
    let file = File::open(path).map_err(with_name)?;
    append_large(builder, &mut header, name, file, metadata.len())
}
