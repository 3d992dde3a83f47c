//! Copy-up: what the image has at the mount point becomes the first content of an empty volume.

use std::fs;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::store::DATA;
use crate::{Error, copy, remove};

/// A copy in the making: worthless after a crash.
const HALF: &str = ".filling";
/// A whole copy on its way into the volume: finished after a crash.
const WHOLE: &str = ".filled";

/// Copies `from` into the volume in `folder` if that is empty.
pub(crate) fn fill(folder: &Path, from: BorrowedFd<'_>) -> Result<(), Error> {
    resume(folder)?;
    let data = folder.join(DATA);
    if !is_empty(&data)? {
        return Ok(());
    }
    let half = folder.join(HALF);
    remove::tree(&half)?;
    fs::create_dir(&half).map_err(Error::file("create", &half))?;
    if let Err(e) = copy::tree(from, &half) {
        let _ = remove::tree(&half);
        return Err(e);
    }
    let whole = folder.join(WHOLE);
    fs::rename(&half, &whole).map_err(Error::file("rename to", &whole))?;
    resume(folder)
}

/// The same for a volume on a mount of its own, into which nothing can be renamed.
pub(crate) fn fill_mounted(folder: &Path, from: BorrowedFd<'_>) -> Result<(), Error> {
    let data = folder.join(DATA);
    if !is_empty(&data)? {
        return Ok(());
    }
    copy::tree(from, &data)
}

/// Finishes a copy-up that was cut short.
pub(crate) fn resume(folder: &Path) -> Result<(), Error> {
    let whole = folder.join(WHOLE);
    let entries = match fs::read_dir(&whole) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::file("list", &whole)(e)),
    };
    let data = folder.join(DATA);
    for entry in entries {
        let entry = entry.map_err(Error::file("list", &whole))?;
        let (from, to) = (entry.path(), data.join(entry.file_name()));
        match renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
            // What a container has made meanwhile is newer.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(Error::file("move into the volume", from)(e.into())),
        }
    }
    copy::own_attributes(&whole, &data)?;
    remove::tree(&whole)
}

/// Clears what a killed daemon left.
pub(crate) fn recover(folder: &Path) -> Result<(), Error> {
    let half = folder.join(HALF);
    if half.exists() {
        remove::tree(&half)?;
    }
    resume(folder)
}

/// Whether there is nothing but what mkfs makes.
fn is_empty(data: &Path) -> Result<bool, Error> {
    let mut entries = fs::read_dir(data).map_err(Error::file("list", data))?;
    Ok(!entries.any(|entry| entry.is_ok_and(|e| e.file_name() != "lost+found")))
}
