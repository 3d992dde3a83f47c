//! An archive on its way from one container to another, its top under another name.

use std::io::{self, Read, Write};
use std::path::Path;

use bytes::Bytes;
use futures_util::Stream;
use gantry_archive::append_large;
use gantry_client::Response;
use tar::{Archive, Builder, EntryType};
use tokio::sync::mpsc;

use super::pack::Count;
use super::unpack::{Chunks, renamed as new_name};
use crate::upload::made;

/// Reads an answer's archive and gives it with its base renamed; what breaks on the way ends it
/// with an error.
pub(super) fn renamed(
    mut response: Response,
    old: String,
    new: String,
) -> io::Result<(
    impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    Count,
)> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        // An answer that breaks off ends the archive early, and whoever unpacks it says so.
        while let Ok(Some(chunk)) = response.chunk().await {
            if sender.send(chunk).await.is_err() {
                break;
            }
        }
    });
    let count = Count::default();
    let counter = count.clone();
    let renamed = made("rename", move |upload| {
        rename(Chunks::new(receiver), upload, &old, &new, &counter)
    })?;
    Ok((renamed, count))
}

fn rename(from: impl Read, to: impl Write, old: &str, new: &str, count: &Count) -> io::Result<()> {
    let mut builder = Builder::new(to);
    for entry in Archive::new(from).entries()? {
        let mut entry = entry?;
        let name = top(new_name(&entry.path()?, old, new)?);
        let mut header = entry.header().clone();
        let link = entry.link_name()?.map(std::borrow::Cow::into_owned);
        if let Some(extensions) = entry.pax_extensions()? {
            let mut records = Vec::new();
            for record in extensions {
                let record = record?;
                let key = record.key().map_err(io::Error::other)?.to_owned();
                // The name and the target are written anew.
                if key.starts_with("SCHILY.xattr.") {
                    records.push((key, record.value_bytes().to_vec()));
                }
            }
            if !records.is_empty() {
                builder.append_pax_extensions(records.iter().map(|(k, v)| (&**k, &**v)))?;
            }
        }
        match (header.entry_type(), link) {
            (EntryType::Symlink, Some(target)) => {
                builder.append_link(&mut header, &name, target)?;
            }
            (EntryType::Link, Some(target)) => {
                let target = top(new_name(&target, old, new)?);
                builder.append_link(&mut header, &name, target)?;
            }
            (EntryType::Directory, _) => {
                let mut shown = name.into_os_string();
                shown.push("/");
                builder.append_data(&mut header, Path::new(&shown), io::empty())?;
            }
            _ => {
                let size = entry.size();
                count.add(size);
                append_large(&mut builder, &mut header, &name, &mut entry, size)?;
            }
        }
    }
    builder.finish()
}

/// The directory's own entry has a name even where its contents are meant.
fn top(name: std::path::PathBuf) -> std::path::PathBuf {
    if name.as_os_str().is_empty() {
        return ".".into();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_gets_its_new_name_and_links_follow() {
        let mut builder = Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        builder
            .append_data(&mut header, "old/file", &b"text"[..])
            .unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::Link);
        header.set_size(0);
        builder
            .append_link(&mut header, "old/again", "old/file")
            .unwrap();
        let bytes = builder.into_inner().unwrap();
        let mut out = Vec::new();
        let count = Count::default();
        rename(&bytes[..], &mut out, "old", "new", &count).unwrap();
        assert_eq!(count.total(), 4);
        let mut archive = Archive::new(&out[..]);
        let mut entries = archive.entries().unwrap();
        assert_eq!(
            entries.next().unwrap().unwrap().path().unwrap(),
            Path::new("new/file")
        );
        let link = entries.next().unwrap().unwrap();
        assert_eq!(link.link_name().unwrap().unwrap(), Path::new("new/file"));
    }
}
