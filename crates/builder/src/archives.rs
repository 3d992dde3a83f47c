//! Archives that ADD unpacks.

use std::io::{Read, Seek, Write};
use std::os::fd::BorrowedFd;

use rustix::fs::FileType;
use tar::EntryType;

use crate::Error;
use crate::files::{Found, LayerWriter, Owner, join, normal, open};

/// Whether a file is a tar, compressed or not.
pub(crate) fn is_archive(root: BorrowedFd<'_>, found: &Found) -> Result<bool, Error> {
    if found.kind() != FileType::RegularFile || found.stat.st_size == 0 {
        return Ok(false);
    }
    is_archive_at(root, &found.source)
}

/// The same of a regular file.
pub(crate) fn is_archive_at(root: BorrowedFd<'_>, path: &[u8]) -> Result<bool, Error> {
    let mut head = [0; 512];
    let file = open(root, path)?;
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

/// Whether an entry is a sparse file in the way of pax, whose map is in front of its content.
fn is_pax_sparse<R: Read>(entry: &mut tar::Entry<'_, R>) -> std::io::Result<bool> {
    let Some(records) = entry.pax_extensions()? else {
        return Ok(false);
    };
    for record in records {
        if record?
            .key()
            .is_ok_and(|key| key.starts_with("GNU.sparse."))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes an archive's entries below a directory.
pub(crate) fn unpack(
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
        if is_pax_sparse(&mut entry).map_err(unreadable)? {
            return Err(Error::NotSupported(format!(
                "unpacking the sparse file {} (pax)",
                String::from_utf8_lossy(&name)
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
                // Its holes are read as zeros.
                let mut whole = tar::Header::new_gnu();
                whole.set_entry_type(EntryType::Regular);
                whole.set_mode(header.mode().map_err(unreadable)? & 0o7777);
                whole.set_uid(header.uid().map_err(unreadable)?);
                whole.set_gid(header.gid().map_err(unreadable)?);
                whole.set_mtime(header.mtime().map_err(unreadable)?);
                whole.set_size(entry.size());
                layer.entry(&whole, &path, None, &mut entry)?;
            }
            _ => {}
        }
    }
    Ok(())
}
