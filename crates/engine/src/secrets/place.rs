//! Putting a container's secrets where it finds them: files in a tmpfs of its own, read-only.
//!
//! The tmpfs is a mount of the container's configuration, so it exists in the container's mount
//! namespace only and goes with it. The daemon fills it between creating the container and
//! executing its program, through `/proc/<pid>/root`, and then makes it read-only as a whole. The
//! content is never on a disk: tmpfs may be swapped out, which is switched off where the kernel
//! can.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd};

use gantry_api_types::SecretReference;
use gantry_oci::Mount;
use gantry_seccomp::KernelVersion;
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::mount::{FsPickFlags, fsconfig_reconfigure, fsconfig_set_flag, fspick};

use crate::Error;

/// Where containers find secrets.
pub(crate) const FOLDER: &str = "/run/secrets";

/// `noswap` of tmpfs is of Linux 6.4.
const NO_SWAP: KernelVersion = KernelVersion { major: 6, minor: 4 };

/// The mount that the files go into.
pub(crate) fn mount(own_users: bool) -> Mount {
    let mut options = vec!["nosuid", "nodev", "noexec", "mode=755", "size=64m"];
    // Not for file systems of user namespaces.
    if !own_users && KernelVersion::running() >= NO_SWAP {
        options.push("noswap");
    }
    Mount {
        destination: FOLDER.to_owned(),
        kind: Some("tmpfs".to_owned()),
        source: Some("tmpfs".to_owned()),
        options: options.into_iter().map(str::to_owned).collect(),
        ..Mount::default()
    }
}

/// A file to be written.
pub(crate) struct Content {
    pub(crate) reference: SecretReference,
    pub(crate) secret: Vec<u8>,
}

/// Fills the mount of the container whose first process is `pid`.
pub(crate) fn fill(pid: u32, contents: &[Content]) -> Result<(), Error> {
    let root_path = format!("/proc/{pid}/root");
    let root = File::open(&root_path).map_err(Error::file("open", &root_path))?;
    let folder = CString::new(FOLDER)
        .ok()
        .and_then(|path| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            gantry_sys::in_root::open_no_links(root.as_fd(), &path, flags).ok()
        })
        .ok_or_else(|| failed("the container has no /run/secrets of its own"))?;
    // Never into the writable layer, whatever became of the mount.
    let kind = rustix::fs::fstatfs(&folder)
        .map_err(|e| failed(&e.to_string()))?
        .f_type;
    if kind != TMPFS_MAGIC {
        return Err(failed("its /run/secrets is no tmpfs"));
    }
    let users = IdMap::of(pid, "uid_map");
    let groups = IdMap::of(pid, "gid_map");
    for content in contents {
        write(folder.as_fd(), content, &users, &groups)
            .map_err(|e| failed(&format!("{}: {e}", content.reference.file.name)))?;
    }
    seal(folder.as_fd()).map_err(|e| failed(&format!("making it read-only: {e}")))
}

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS_MAGIC: i64 = 0x0102_1994;

fn failed(reason: &str) -> Error {
    Error::Internal(format!("cannot hand secrets to the container: {reason}"))
}

fn write(
    folder: BorrowedFd<'_>,
    content: &Content,
    users: &IdMap,
    groups: &IdMap,
) -> std::io::Result<()> {
    let file = &content.reference.file;
    let number = |text: &str| {
        text.parse::<u32>().map_err(|_| {
            std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "the owner is not a number",
            )
        })
    };
    let parents: Vec<&str> = file.name.split('/').collect();
    for depth in 1..parents.len() {
        match rustix::fs::mkdirat(folder, parents[..depth].join("/"), Mode::from(0o755)) {
            Err(rustix::io::Errno::EXIST) | Ok(()) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = rustix::fs::openat(folder, &file.name, flags, Mode::from(0o600))?;
    let mut open = File::from(open);
    open.write_all(&content.secret)?;
    let owner = Uid::from_raw(users.outside(number(&file.uid)?));
    let group = Gid::from_raw(groups.outside(number(&file.gid)?));
    rustix::fs::fchown(&open, Some(owner), Some(group))?;
    rustix::fs::fchmod(&open, Mode::from_raw_mode(file.mode & 0o7777))?;
    Ok(())
}

/// Makes the whole file system read-only, for every mount of it.
fn seal(folder: BorrowedFd<'_>) -> std::io::Result<()> {
    let context = fspick(
        folder,
        "",
        FsPickFlags::FSPICK_EMPTY_PATH | FsPickFlags::FSPICK_CLOEXEC,
    )?;
    fsconfig_set_flag(context.as_fd(), "ro")?;
    fsconfig_reconfigure(context.as_fd())?;
    Ok(())
}

/// How a container's users are called outside (user_namespaces(7)).
struct IdMap(Vec<(u32, u32, u32)>);

impl IdMap {
    fn of(pid: u32, file: &str) -> Self {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        Self(
            text.lines()
                .filter_map(|line| {
                    let mut numbers = line.split_whitespace().map(str::parse);
                    Some((
                        numbers.next()?.ok()?,
                        numbers.next()?.ok()?,
                        numbers.next()?.ok()?,
                    ))
                })
                .collect(),
        )
    }

    fn outside(&self, id: u32) -> u32 {
        self.0
            .iter()
            .find(|(inside, _, count)| id >= *inside && id - inside < *count)
            .map_or(id, |(inside, outside, _)| outside + (id - inside))
    }
}

/// Checks where a secret is wanted: below `/run/secrets`, and nowhere else.
pub(crate) fn checked_name(target: &str) -> Result<String, Error> {
    let below = target
        .strip_prefix(FOLDER)
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(target);
    let fine = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if below.starts_with('/') || !below.split('/').all(fine) {
        return Err(Error::Invalid(format!(
            "invalid target for a secret: {target:?}: secrets are files below {FOLDER}"
        )));
    }
    Ok(below.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_below_the_folder() {
        assert_eq!(checked_name("db").unwrap(), "db");
        assert_eq!(checked_name("a/b").unwrap(), "a/b");
        assert_eq!(checked_name("/run/secrets/db").unwrap(), "db");
        for bad in ["", "/etc/passwd", "../x", "a//b", "a/..", "/run/secrets/"] {
            assert!(checked_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn owners_are_mapped_as_the_namespace_says() {
        let map = IdMap::parse("0 100000 65536\n");
        assert_eq!((map.outside(0), map.outside(999)), (100_000, 100_999));
        assert_eq!(IdMap::parse("").outside(7), 7);
    }
}
