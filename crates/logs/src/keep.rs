//! Housekeeping of older files: compressing them, removing those that are too old; and how much
//! there is behind a place.

use std::fs::{File, FileTimes, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gantry_log_format::{DirectoryLock, Format, compressed_path, rotated_path};

use crate::Position;
use crate::compressed::{MEMBER, member};
use crate::files::{LogFile, open_after};

/// Older files that are looked for although one before them is missing.
const GAP: u32 = 2;

/// Compresses the older files of a log that are not yet; says how many those were.
///
/// Blocks for as long as that takes. A file that goes or moves on meanwhile is no error.
pub fn compress(path: &Path, format: Format) -> io::Result<usize> {
    let mut done = 0;
    // The oldest first: while it is worked on the others only get older names.
    for n in older_files(path).into_iter().rev() {
        let file = match File::open(rotated_path(path, n)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        done += usize::from(compress_file(path, file, format)?);
    }
    Ok(done)
}

/// The numbers of the older files, plain or compressed.
fn older_files(path: &Path) -> Vec<u32> {
    let (mut found, mut missing) = (Vec::new(), 0);
    for n in 1.. {
        if rotated_path(path, n).exists() || compressed_path(path, n).exists() {
            found.push(n);
            missing = 0;
        } else {
            missing += 1;
            if missing > GAP {
                break;
            }
        }
    }
    found
}

fn compress_file(path: &Path, file: File, format: Format) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let times = FileTimes::new().set_modified(metadata.modified()?);
    let draft = Draft::new(path, metadata.ino())?;
    let source = LogFile::plain(file, format)?;
    let id = source.id()?;
    let (mut block, mut offset) = (vec![0; MEMBER], 0);
    loop {
        let count = source.read_at(&mut block, offset)?;
        if count == 0 {
            break;
        }
        (&draft.file).write_all(&member(&block[..count], id)?)?;
        offset += count as u64;
    }
    draft.file.set_times(times)?;
    draft.publish(path, metadata.ino())
}

/// A compressed file that is not yet in its place; it goes unless it is published.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    fn new(log: &Path, inode: u64) -> io::Result<Self> {
        let mut name = log.as_os_str().to_owned();
        name.push(format!(".{inode}.tmp"));
        let path = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o640)
            .open(&path)?;
        Ok(Self { path, file })
    }

    /// Puts it where the plain file is now, if that is still there.
    fn publish(self, log: &Path, inode: u64) -> io::Result<bool> {
        let _lock = DirectoryLock::wait(log)?;
        for n in older_files(log) {
            let plain = rotated_path(log, n);
            if std::fs::metadata(&plain).is_ok_and(|m| m.ino() == inode) {
                std::fs::rename(&self.path, compressed_path(log, n))?;
                std::fs::remove_file(&plain)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Nothing is there under this name when it was published.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes older files whose last line is older than `age`, and what a compression that was cut
/// short has left.
pub fn expire(path: &Path, age: Option<Duration>) -> io::Result<()> {
    let _lock = DirectoryLock::wait(path)?;
    remove_drafts(path)?;
    let Some(limit) = age.and_then(|age| SystemTime::now().checked_sub(age)) else {
        return Ok(());
    };
    for n in older_files(path) {
        for file in [rotated_path(path, n), compressed_path(path, n)] {
            let modified = std::fs::metadata(&file).and_then(|m| m.modified());
            if modified.is_ok_and(|modified| modified < limit) {
                std::fs::remove_file(&file)?;
            }
        }
    }
    Ok(())
}

/// How many bytes of a log are behind a place (of all of it, without one), and where it ends now.
pub fn lag(path: &Path, format: Format, position: Option<Position>) -> io::Result<(u64, Position)> {
    let (mut bytes, mut end) = (0, Position::default());
    for file in open_after(path, format, None)? {
        let (id, size) = (file.id()?, file.size()?);
        let before = position.filter(|p| p.file == id);
        if before.is_some() {
            bytes = 0;
        }
        bytes += size.saturating_sub(before.map_or(0, |p| p.offset));
        end = Position {
            file: id,
            offset: size,
        };
    }
    Ok((bytes, end))
}

fn remove_drafts(path: &Path) -> io::Result<()> {
    let Some((parent, name)) = path.parent().zip(path.file_name()) else {
        return Ok(());
    };
    let name = name.to_string_lossy();
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        let file = entry.file_name();
        let rest = file.to_string_lossy();
        let inode = rest
            .strip_prefix(&*name)
            .and_then(|rest| rest.strip_suffix(".tmp"));
        if inode.is_some() {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
