//! Go's file modes, in which fsutil sends them, and the kernel's.

use rustix::fs::FileType;

const DIRECTORY: u32 = 1 << 31;
const LINK: u32 = 1 << 27;
const DEVICE: u32 = 1 << 26;
const PIPE: u32 = 1 << 25;
const SOCKET: u32 = 1 << 24;
const CHARACTER: u32 = 1 << 21;
/// Go's bits and the kernel's for setuid, setgid and sticky.
const SPECIAL: [(u32, u32); 3] = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];

/// What a mode says that a file is.
pub(super) fn kind(mode: u32) -> FileType {
    if mode & DIRECTORY != 0 {
        FileType::Directory
    } else if mode & LINK != 0 {
        FileType::Symlink
    } else if mode & PIPE != 0 {
        FileType::Fifo
    } else if mode & SOCKET != 0 {
        FileType::Socket
    } else if mode & DEVICE != 0 && mode & CHARACTER != 0 {
        FileType::CharacterDevice
    } else if mode & DEVICE != 0 {
        FileType::BlockDevice
    } else {
        FileType::RegularFile
    }
}

/// The kernel's permissions.
pub(super) fn permissions(mode: u32) -> u32 {
    let special = SPECIAL.iter().filter(|(go, _)| mode & go != 0);
    (mode & 0o777) | special.map(|(_, unix)| unix).sum::<u32>()
}

/// Go's mode for a file.
pub(crate) fn of(kind: FileType, permissions: u32) -> u32 {
    let kind = match kind {
        FileType::Directory => DIRECTORY,
        FileType::Symlink => LINK,
        FileType::Fifo => PIPE,
        FileType::Socket => SOCKET,
        FileType::CharacterDevice => DEVICE | CHARACTER,
        FileType::BlockDevice => DEVICE,
        FileType::RegularFile | FileType::Unknown => 0,
    };
    let special = SPECIAL.iter().filter(|(_, unix)| permissions & unix != 0);
    kind | (permissions & 0o777) | special.map(|(go, _)| go).sum::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_go_there_and_back() {
        for (type_, bits) in [
            (FileType::Directory, 0o1777),
            (FileType::RegularFile, 0o4755),
            (FileType::Symlink, 0o777),
            (FileType::CharacterDevice, 0o600),
            (FileType::BlockDevice, 0o660),
            (FileType::Fifo, 0o2644),
        ] {
            let mode = of(type_, bits);
            assert_eq!((kind(mode), permissions(mode)), (type_, bits));
        }
    }
}
