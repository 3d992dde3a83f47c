//! Describes directory trees, so that two can be compared.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A path below a detached mount, good for everything in `std::fs`.
pub(super) fn inside(root: &OwnedFd, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{path}", root.as_raw_fd()))
}

/// One line per file, by path: all that a layer says about it.
pub(super) fn list(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut links = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            let name = name.as_os_str().as_bytes().escape_ascii().to_string();
            match path.symlink_metadata() {
                Ok(meta) if meta.is_dir() => directories.push(path.clone()),
                Ok(_) => {}
                // Overlay lists a whiteout that has nothing to hide but does not open it.
                Err(_) => continue,
            }
            found.insert(name, path);
        }
    }
    // In the order of names, so that of a file's names always the same one counts as the first.
    let describe = |(name, path): (String, PathBuf)| {
        let line = describe(&path, &name, &mut links);
        (name, line)
    };
    found.into_iter().map(describe).collect()
}

fn describe(path: &Path, name: &str, links: &mut BTreeMap<(u64, u64), String>) -> String {
    let meta = path.symlink_metadata().unwrap();
    let kind = meta.file_type();
    let what = if kind.is_file() {
        let content = fs::read(path).unwrap();
        assert_eq!(content.len() as u64, meta.size(), "{name}");
        format!("file {} {:016x}", content.len(), checksum(&content))
    } else if kind.is_dir() {
        "directory".to_owned()
    } else if kind.is_symlink() {
        format!(
            "-> {}",
            fs::read_link(path)
                .unwrap()
                .as_os_str()
                .as_bytes()
                .escape_ascii()
        )
    } else if kind.is_char_device() {
        format!("char {:x}", meta.rdev())
    } else if kind.is_block_device() {
        format!("block {:x}", meta.rdev())
    } else {
        "fifo".to_owned()
    };
    let same = match links.get(&(meta.dev(), meta.ino())) {
        Some(first) if meta.nlink() > 1 && !kind.is_dir() => format!(" = {first}"),
        _ => String::new(),
    };
    links
        .entry((meta.dev(), meta.ino()))
        .or_insert_with(|| name.to_owned());
    let links = if kind.is_dir() { 0 } else { meta.nlink() };
    format!(
        "{what} {:o} {}:{} {}.{:09} x{links}{}{same}",
        meta.mode() & 0o7777,
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec(),
        xattrs(path),
    )
}

fn xattrs(path: &Path) -> String {
    let mut names = vec![0; 65536];
    let len = rustix::fs::llistxattr(path, &mut names).unwrap();
    let mut names: Vec<&[u8]> = names[..len]
        .split(|b| *b == 0)
        .filter(|n| !n.is_empty())
        .collect();
    names.sort_unstable();
    let mut text = String::new();
    for name in names {
        // Through an overlay its own attributes are hidden; the host may add a label.
        if name == b"security.selinux" {
            continue;
        }
        let mut value = vec![0; 65536];
        let len = rustix::fs::lgetxattr(path, name, &mut value).unwrap();
        let value = match len {
            0..100 => value[..len].escape_ascii().to_string(),
            _ => format!("{len}:{:016x}", checksum(&value[..len])),
        };
        write!(text, " {}={value}", name.escape_ascii()).unwrap();
    }
    text
}

/// FNV-1a.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
