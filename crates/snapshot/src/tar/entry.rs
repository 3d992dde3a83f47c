//! What an archive says about one file.

/// One member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, byte for byte.
    pub path: Vec<u8>,
    /// Owner, mode, time and extended attributes.
    pub attributes: Attributes,
    /// What kind of file it is.
    pub kind: Kind,
}

/// Owner, mode, time and extended attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with set-id and sticky bits: 07777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification, in seconds since 1970 (before it: negative).
    pub mtime: i64,
    /// Nanoseconds on top of `mtime`.
    pub mtime_nsec: u32,
    /// Extended attributes, sorted by name.
    pub xattrs: Vec<Xattr>,
}

/// An extended attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// The full name, `security.capability` for example.
    pub name: Vec<u8>,
    /// The value, any bytes.
    pub value: Vec<u8>,
}

/// The kinds of archive members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File(Data),
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Symlink(Vec<u8>),
    /// Another name of the member with this path.
    HardLink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// Where a regular file's content lies in the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data {
    /// The file's size.
    pub size: u64,
    /// Position of its first stored byte in the archive, a multiple of 512.
    pub offset: u64,
    /// Bytes stored there.
    pub stored: u64,
    /// For a sparse file: where the stored bytes, taken in order, belong. The rest is holes.
    pub sparse: Option<Vec<Segment>>,
}

/// A stretch of content in a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Position in the file.
    pub offset: u64,
    /// Length in bytes, never 0.
    pub len: u64,
}
