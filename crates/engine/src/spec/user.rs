//! Who runs a process: `user[:group]` by the container's own `/etc/passwd` and `/etc/group`.
//!
//! The files are opened inside the container's root by the kernel (openat2(2)), so that a link in
//! an image leads nowhere else.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;

use gantry_oci::User;
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::SpecError;

/// The highest ID that Docker takes.
const MAX_ID: u32 = i32::MAX as u32;
/// Bytes of a file that are read; nobody's file is longer, and an image could bring anything.
const MAX_FILE: u64 = 16 << 20;

/// A user as the container knows them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// By number.
    pub(super) user: User,
    /// Home directory.
    pub(super) home: String,
}

/// User and group numbers of `user[:group]` in a root.
pub(crate) fn user_of(root: BorrowedFd<'_>, user: &str) -> Result<(u32, u32), SpecError> {
    let account = Account::find(root, user, &[])?;
    Ok((account.user.uid, account.user.gid))
}

impl Account {
    /// Finds `user[:group]` and the groups of `--group-add` in the files of a root.
    pub(super) fn find(
        root: BorrowedFd<'_>,
        user: &str,
        added_groups: &[String],
    ) -> Result<Self, SpecError> {
        let passwd = read(root, c"/etc/passwd", "/etc/passwd")?;
        let group = read(root, c"/etc/group", "/etc/group")?;
        Self::resolve(user, added_groups, &passwd, &group)
    }

    fn resolve(
        text: &str,
        added_groups: &[String],
        passwd: &str,
        group: &str,
    ) -> Result<Self, SpecError> {
        let (user, wanted_group) = text.split_once(':').unwrap_or((text, ""));
        let entry = passwd.lines().filter_map(PasswdLine::parse).find(|line| {
            if user.is_empty() {
                line.uid == 0
            } else {
                line.name == user || is(user, line.uid)
            }
        });
        let uid = match &entry {
            Some(line) => line.uid,
            None if user.is_empty() => 0,
            None => id(user, || SpecError::NoSuchUser(user.to_owned()))?,
        };
        let groups: Vec<_> = group.lines().filter_map(GroupLine::parse).collect();
        let mut gid = entry.as_ref().map_or(0, |line| line.gid);
        let mut additional = Vec::new();
        if !wanted_group.is_empty() {
            let missing = || SpecError::NoSuchGroup(wanted_group.to_owned());
            gid = find_group(&groups, wanted_group, missing)?;
        } else if let Some(line) = &entry {
            let member = |group: &&GroupLine| group.members.split(',').any(|m| m == line.name);
            additional.extend(groups.iter().filter(member).map(|group| group.gid));
        }
        for added in added_groups {
            let missing = || SpecError::NoSuchAddedGroup(added.clone());
            additional.push(find_group(&groups, added, missing)?);
        }
        // The first group is among the others too, so that a program that drops its group and
        // one that asks getgroups(2) see the same (CVE-2022-36109).
        additional.insert(0, gid);
        let mut seen = std::collections::BTreeSet::new();
        additional.retain(|gid| seen.insert(*gid));
        let home = entry.map_or("/", |line| line.home).to_owned();
        let home = if home.is_empty() {
            "/".to_owned()
        } else {
            home
        };
        Ok(Self {
            user: User {
                uid,
                gid,
                umask: None,
                additional_gids: additional,
            },
            home,
        })
    }
}

/// `name:password:uid:gid:comment:home:shell`
struct PasswdLine<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> PasswdLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.trim().split(':');
        let name = fields
            .next()
            .filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self {
            name,
            uid,
            gid,
            home: fields.nth(1).unwrap_or_default(),
        })
    }
}

/// `name:password:gid:member,member`
struct GroupLine<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl<'a> GroupLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.trim().split(':');
        let name = fields
            .next()
            .filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some(Self {
            name,
            gid,
            members: fields.next().unwrap_or_default(),
        })
    }
}

fn find_group(
    groups: &[GroupLine<'_>],
    wanted: &str,
    missing: impl Fn() -> SpecError,
) -> Result<u32, SpecError> {
    let found = groups
        .iter()
        .find(|group| group.name == wanted || is(wanted, group.gid));
    match found {
        Some(group) => Ok(group.gid),
        None => id(wanted, missing),
    }
}

/// Whether the text is this number.
fn is(text: &str, number: u32) -> bool {
    text.parse() == Ok(number)
}

/// A number that no file has to know; a name that none knows is missing.
fn id(text: &str, missing: impl Fn() -> SpecError) -> Result<u32, SpecError> {
    let number: i64 = text.parse().map_err(|_| missing())?;
    u32::try_from(number)
        .ok()
        .filter(|id| *id <= MAX_ID)
        .ok_or(SpecError::IdRange)
}

/// A file of the container; a missing one is empty.
fn read(root: BorrowedFd<'_>, path: &CStr, name: &'static str) -> Result<String, SpecError> {
    let unreadable = |errno| SpecError::Unreadable { path: name, errno };
    // Without NONBLOCK a pipe in the file's place would hang us.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = match gantry_sys::in_root::open(root, path, flags) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(String::new()),
        Err(errno) => return Err(unreadable(errno)),
    };
    let stat = rustix::fs::fstat(&fd).map_err(unreadable)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(unreadable(Errno::INVAL));
    }
    let mut bytes = Vec::new();
    let read = File::from(fd).take(MAX_FILE).read_to_end(&mut bytes);
    read.map_err(|e| unreadable(Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
# a comment
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
web:x:33:33::/var/www:
broken:line
";
    const GROUP: &str = "root:x:0:\ndaemon:x:1:web\nwww:x:33:\nextra:x:50:web,daemon\n";

    fn resolve(user: &str, groups: &[&str]) -> Result<Account, SpecError> {
        let groups: Vec<_> = groups.iter().map(|&g| g.to_owned()).collect();
        Account::resolve(user, &groups, PASSWD, GROUP)
    }

    fn numbers(user: &str, groups: &[&str]) -> (u32, u32, Vec<u32>, String) {
        let account = resolve(user, groups).unwrap();
        (
            account.user.uid,
            account.user.gid,
            account.user.additional_gids,
            account.home,
        )
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(numbers("", &[]), (0, 0, vec![0], "/root".into()));
        assert_eq!(
            numbers("web", &[]),
            (33, 33, vec![33, 1, 50], "/var/www".into())
        );
        assert_eq!(numbers("33", &[]), numbers("web", &[]));
        assert_eq!(
            numbers("web:root", &[]),
            (33, 0, vec![0], "/var/www".into())
        );
        assert_eq!(numbers("1000", &[]), (1000, 0, vec![0], "/".into()));
        assert_eq!(
            numbers("1000:1000", &[]),
            (1000, 1000, vec![1000], "/".into())
        );
        assert_eq!(numbers(":www", &[]), (0, 33, vec![33], "/root".into()));
        assert_eq!(numbers("1000", &["extra", "7"]).2, [0, 50, 7]);
    }

    #[test]
    fn errors_are_dockers() {
        let error = |user, groups: &[&str]| resolve(user, groups).unwrap_err().to_string();
        assert_eq!(
            error("foo", &[]),
            "unable to find user foo: no matching entries in passwd file"
        );
        assert_eq!(
            error("root:foo", &[]),
            "unable to find group foo: no matching entries in group file"
        );
        assert_eq!(error("", &["foo"]), "Unable to find group foo");
        assert_eq!(
            error("2147483648", &[]),
            "uids and gids must be in range 0-2147483647"
        );
        assert_eq!(
            error("-1", &[]),
            "uids and gids must be in range 0-2147483647"
        );
    }

    #[test]
    fn links_stay_inside_and_missing_files_are_empty() {
        let root = tempfile::tempdir().unwrap();
        let fd = rustix::fs::open(
            root.path(),
            OFlags::PATH | OFlags::DIRECTORY,
            rustix::fs::Mode::empty(),
        )
        .unwrap();
        let account = Account::find(fd.as_fd(), "7:8", &[]).unwrap();
        assert_eq!((account.user.uid, account.user.gid), (7, 8));
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::create_dir_all(root.path().join("run")).unwrap();
        std::fs::write(root.path().join("run/passwd"), "me:x:5:6::/me:\n").unwrap();
        std::os::unix::fs::symlink("/run/passwd", root.path().join("etc/passwd")).unwrap();
        let account = Account::find(fd.as_fd(), "me", &[]).unwrap();
        assert_eq!((account.user.uid, account.home.as_str()), (5, "/me"));
        std::os::unix::fs::symlink("/etc", root.path().join("etc/group")).unwrap();
        assert!(
            Account::find(fd.as_fd(), "me", &[]).is_err(),
            "a directory is no file"
        );
    }
}
