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
    ///
    /// Names that the image does not know are root, as with BuildKit: there are files that rely on it.
    pub(crate) fn parse(text: &str, root: BorrowedFd<'_>) -> Result<Self, Error> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let uid = number(user, root, c"/etc/passwd")?;
        let gid = match group {
            "" => uid,
            group => number(group, root, c"/etc/group")?,
        };
        Ok(Self { uid, gid })
    }
}

fn number(name: &str, root: BorrowedFd<'_>, file: &std::ffi::CStr) -> Result<u32, Error> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let Ok(fd) = in_root::open(root, file, OFlags::RDONLY | OFlags::NONBLOCK) else {
        return Ok(0);
    };
    let mut text = Vec::new();
    let read = File::from(fd).take(DATABASE_MAX).read_to_end(&mut text);
    read.map_err(Error::file("read", &*file.to_string_lossy()))?;
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.first() == Some(&name));
    Ok(line
        .and_then(|fields| fields.get(2)?.parse().ok())
        .unwrap_or(0))
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
        let owner = |text: &str| Owner::parse(text, root.as_fd());
        let is = |uid, gid| Owner { uid, gid };
        assert_eq!(owner("me").unwrap(), is(7, 7));
        assert_eq!(owner("me:us").unwrap(), is(7, 9));
        assert_eq!(owner("5:6").unwrap(), is(5, 6));
        assert_eq!(owner("5").unwrap(), is(5, 5));
        assert_eq!(owner("nobody-here").unwrap(), is(0, 0));
        assert_eq!(owner("5:nobody-here").unwrap(), is(5, 0));
    }
}
