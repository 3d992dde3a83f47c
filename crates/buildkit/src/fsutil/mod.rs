//! Trees of files over a stream of packets: fsutil's protocol.
//!
//! The sender tells all names, modes and times in order, an empty one is the last; the receiver asks by number for the
//! contents that it lacks, gets them in pieces, an empty one is the last, and says when it is finished. Names are bytes:
//! not every file system keeps to UTF-8.
//!
//! Reference: <https://github.com/tonistiigi/fsutil>.

pub(crate) mod mode;
mod receive;
mod send;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use receive::{Received, receive};
pub(crate) use send::send;

use std::collections::HashMap;

use bytes::Bytes;

/// What kind of packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum PacketKind {
    /// A file's description; none is the end of them.
    Stat = 0,
    /// Asks for a file's content.
    Request = 1,
    /// A piece of a file's content; an empty one is the end of it.
    Data = 2,
    /// All is well and finished.
    Finished = 3,
    /// What went wrong, as text.
    Error = 4,
}

/// A message of either side.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Packet {
    /// What kind of packet it is.
    #[prost(enumeration = "PacketKind", tag = "1")]
    pub kind: i32,
    /// A file's description.
    #[prost(message, optional, tag = "2")]
    pub stat: Option<Stat>,
    /// The number of a file among those that were told, from 0.
    #[prost(uint32, tag = "3")]
    pub id: u32,
    /// Content, or an error's text.
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

/// A file's description.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Stat {
    /// The path, relative.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// Go's `FileMode`.
    #[prost(uint32, tag = "2")]
    pub mode: u32,
    /// The owner.
    #[prost(uint32, tag = "3")]
    pub uid: u32,
    /// The group.
    #[prost(uint32, tag = "4")]
    pub gid: u32,
    /// Bytes.
    #[prost(int64, tag = "5")]
    pub size: i64,
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    pub modified: i64,
    /// Where a symbolic link leads; for a plain file, the name that it shares its content with.
    #[prost(bytes = "vec", tag = "7")]
    pub link: Vec<u8>,
    /// A device's number.
    #[prost(int64, tag = "8")]
    pub major: i64,
    /// The second half of it.
    #[prost(int64, tag = "9")]
    pub minor: i64,
    /// Extended attributes.
    #[prost(map = "string, bytes", tag = "10")]
    pub attributes: HashMap<String, Vec<u8>>,
}

impl Packet {
    fn of(kind: PacketKind) -> Self {
        Self {
            kind: kind as i32,
            ..Self::default()
        }
    }

    /// Says what went wrong.
    pub(crate) fn error(text: &str) -> Self {
        Self {
            data: Bytes::copy_from_slice(text.as_bytes()),
            ..Self::of(PacketKind::Error)
        }
    }
}

/// Why a tree could not be brought over.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The other side gave up.
    #[error("error from sender: {0}")]
    Told(String),
    /// The other side does not keep to the protocol.
    #[error("the other side does not keep to fsutil's protocol: {0}")]
    Protocol(String),
    /// A file of ours.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The other side is gone.
    #[error("the client has closed its session")]
    Gone,
}

impl TransferError {
    fn file<E: Into<std::io::Error>>(action: &'static str, path: &[u8]) -> impl FnOnce(E) -> Self {
        move |source| Self::File {
            action,
            path: String::from_utf8_lossy(path).into_owned(),
            source: source.into(),
        }
    }
}

/// Packets, each behind its length in two bytes, go into a folder.
pub(crate) fn fuzzing(root: std::fs::File, mut bytes: &[u8]) {
    use prost::Message as _;
    let mut packets = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        packets.extend(Packet::decode(&rest[..length]));
        bytes = &rest[length..];
    }
    let (sender, arrived) = tokio::sync::mpsc::channel(1);
    let (answers, _queue) = tokio::sync::mpsc::unbounded_channel();
    let _ = sender.try_send(packets);
    drop(sender);
    let _ = receive(root.into(), None, arrived, &answers, &|_| {});
}
