//! `--chown`: names by the image's own files, or numbers.

use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;

use gantry_sys::in_root;
use rustix::fs::OFlags;

use crate::Error;

/// More of a user database is not read.
const DATABASE_MAX: u64 = 16 << 20;

/// Whom files belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Owner {
    /// Reads `user[:group]`; without a group, the group has the user's number.
    pub(crate) fn parse(text: &str, root: Option<BorrowedFd<'_>>) -> Result<Self, Error> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let uid = number(user, root, c"/etc/passwd", "user")?;
        let gid = match group {
            "" => uid,
            group => number(group, root, c"/etc/group", "group")?,
        };
        Ok(Self { uid, gid })
    }
}

fn number(
    name: &str,
    root: Option<BorrowedFd<'_>>,
    file: &std::ffi::CStr,
    what: &str,
) -> Result<u32, Error> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let unknown = || {
        Error::Invalid(format!(
            "unable to convert {what} \"{name}\" to an id: it is no number and not in the image's {}",
            file.to_string_lossy()
        ))
    };
    let root = root.ok_or_else(unknown)?;
    let fd = in_root::open(root, file, OFlags::RDONLY | OFlags::NONBLOCK).map_err(|_| unknown())?;
    let mut text = Vec::new();
    let read = File::from(fd).take(DATABASE_MAX).read_to_end(&mut text);
    read.map_err(Error::file("read", &*file.to_string_lossy()))?;
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.first() == Some(&name));
    line.and_then(|fields| fields.get(2)?.parse().ok())
        .ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn names_are_the_images_own() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(
            folder.path().join("etc/passwd"),
            "root:x:0:0::/:\nme:x:7:8::/:\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("etc/group"), "us:x:9:\n").unwrap();
        let root = File::open(folder.path()).unwrap();
        let owner = |text: &str| Owner::parse(text, Some(root.as_fd()));
        let is = |uid, gid| Owner { uid, gid };
        assert_eq!(owner("me").unwrap(), is(7, 7));
        assert_eq!(owner("me:us").unwrap(), is(7, 9));
        assert_eq!(owner("5:6").unwrap(), is(5, 6));
        assert_eq!(owner("5").unwrap(), is(5, 5));
        assert!(
            owner("nobody-here")
                .unwrap_err()
                .to_string()
                .contains("/etc/passwd")
        );
        assert!(Owner::parse("me", None).is_err());
    }
}
