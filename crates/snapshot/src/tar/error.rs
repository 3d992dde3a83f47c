//! Why an archive is refused.

/// What is wrong with an archive, with the entry's name where it is known.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The stream itself failed.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// It ends inside a header or an entry's content.
    #[error("it ends in the middle of an entry, at byte {0}")]
    Truncated(u64),
    /// A header's checksum is wrong: the bytes are no tar, or damaged.
    #[error("bad header checksum at byte {0}")]
    Checksum(u64),
    /// A number field does not hold a number, or one too big.
    #[error("bad {field} in the header at byte {at}")]
    Number {
        /// The header's position.
        at: u64,
        /// The field's name.
        field: &'static str,
    },
    /// A pax extended header is malformed.
    #[error("bad pax record at byte {at}: {why}")]
    Pax {
        /// The header's position.
        at: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A sparse map is malformed or outside its file.
    #[error("bad sparse map of {name:?}: {why}")]
    Sparse {
        /// The entry.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// An extension header claims an absurd size.
    #[error("the extension header at byte {at} claims {size} bytes, more than the {max} allowed")]
    ExtensionTooLong {
        /// The header's position.
        at: u64,
        /// The claim.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// An entry type that no file system object stands for.
    #[error("unhandled tar header type {flag:?} of {name:?}")]
    UnknownType {
        /// The entry.
        name: String,
        /// The type flag.
        flag: char,
    },
    /// A name that no Linux file system can hold.
    #[error("invalid name {name:?}: {why}")]
    Name {
        /// The entry.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A hard link to a file that the layer does not hold.
    #[error("hard link {name:?} names {target:?}, {why}")]
    HardLink {
        /// The entry.
        name: String,
        /// The link's target.
        target: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Too many symbolic links on the way to an entry.
    #[error("too many levels of symbolic links in {name:?}")]
    SymlinkLoop {
        /// The entry.
        name: String,
    },
    /// Content that this driver cannot represent.
    #[error("{name:?} cannot be stored: {why}")]
    Unstorable {
        /// The entry.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
}
