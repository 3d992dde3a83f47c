//! Extended attributes behind an inode.
//!
//! A 12-byte header (no attribute is shared between inodes), then an entry per attribute: length
//! of the name, number of its prefix, length of the value, name without prefix, value, padding to
//! 4 bytes.

use crate::tar::Xattr;

const HEADER: usize = 12;

/// Name prefixes and their numbers.
const PREFIXES: [(&[u8], u8); 5] = [
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"user.", 1),
    (b"trusted.", 4),
    (b"security.", 6),
];

/// Overlay's sign for a directory that hides those below it.
const OPAQUE: (&[u8], &[u8]) = (b"trusted.overlay.opaque", b"y");

/// The encoded attributes of one inode.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// What the inode states: 0 without attributes, else 1 and the 4-byte units of all entries.
    pub(super) count: u16,
}

/// `None` if they are more than an inode can have (256 KiB).
pub(super) fn encode(xattrs: &[Xattr], opaque: bool) -> Option<Encoded> {
    let mut bytes = Vec::new();
    for xattr in xattrs {
        push(&mut bytes, &xattr.name, &xattr.value);
    }
    if opaque {
        push(&mut bytes, OPAQUE.0, OPAQUE.1);
    }
    if bytes.is_empty() {
        return Some(Encoded::default());
    }
    let count = u16::try_from(1 + (bytes.len() - HEADER) / 4).ok()?;
    Some(Encoded { bytes, count })
}

fn push(bytes: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let Some((prefix, number)) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix))
    else {
        return;
    };
    if bytes.is_empty() {
        bytes.resize(HEADER, 0);
    }
    let name = &name[prefix.len()..];
    bytes.extend([name.len() as u8, *number]);
    bytes.extend((value.len() as u16).to_le_bytes());
    bytes.extend(name);
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_padded_and_counted() {
        let xattrs = [Xattr {
            name: b"user.ab".to_vec(),
            value: b"xyz".to_vec(),
        }];
        let encoded = encode(&xattrs, false).unwrap();
        assert_eq!(encoded.bytes.len(), 12 + 4 + 8);
        assert_eq!(&encoded.bytes[12..21], b"\x02\x01\x03\0abxyz");
        assert_eq!(encoded.count, 1 + 3);
        assert_eq!(encode(&[], false).unwrap().count, 0);
    }
}
