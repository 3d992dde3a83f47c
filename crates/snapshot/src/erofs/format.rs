//! The EROFS on-disk format, as far as we write it.
//!
//! All numbers are little-endian. Sources: `Documentation/filesystems/erofs.rst` and
//! `fs/erofs/erofs_fs.h` of Linux.

use crate::tar::Attributes;

/// Tar's block size, so that a file's content inside the tar is block-aligned.
pub(super) const BLOCK_BITS: u8 = 9;
pub(super) const BLOCK: u64 = 1 << BLOCK_BITS;

/// The superblock starts here, whatever the block size; the device table follows it.
pub(super) const SUPERBLOCK_AT: u64 = 1024;
const SUPERBLOCK_LEN: usize = 128;
const DEVICE_SLOT_LEN: u64 = 128;
/// Where the first inode may lie.
pub(super) const INODES_AT: u64 = SUPERBLOCK_AT + BLOCK;

/// An inode's number is its position in units of this.
pub(super) const SLOT: u64 = 32;

const MAGIC: u32 = 0xE0F5_E1E2;
const COMPAT_SB_CHKSUM: u32 = 1 << 0;
const COMPAT_MTIME: u32 = 1 << 1;
const INCOMPAT_CHUNKED_FILE: u32 = 1 << 2;
const INCOMPAT_DEVICE_TABLE: u32 = 1 << 3;

/// No block: a hole.
pub(super) const NULL_BLOCK: u32 = u32::MAX;
/// Chunk indexes are 8-byte records that name a device.
const CHUNK_FORMAT_INDEXES: u16 = 0x20;
/// Five bits hold the chunk size, as a power of two in blocks.
pub(super) const MAX_CHUNK_BITS: u8 = 31;
pub(super) const CHUNK_INDEX_LEN: u64 = 8;

/// Our only extra device.
pub(super) const TAR_DEVICE: u16 = 1;

/// What the superblock says.
pub(super) struct Superblock {
    pub(super) uuid: [u8; 16],
    /// The time that compact inodes have.
    pub(super) epoch: (i64, u32),
    pub(super) inodes: u64,
    /// Blocks of the index image.
    pub(super) blocks: u32,
    /// Blocks of the tar.
    pub(super) tar_blocks: u32,
    pub(super) root_nid: u16,
}

impl Superblock {
    /// The 512-byte block with superblock and device table.
    pub(super) fn encode(&self) -> Vec<u8> {
        let device_slot = (SUPERBLOCK_AT + SUPERBLOCK_LEN as u64) / DEVICE_SLOT_LEN;
        let mut out = Vec::with_capacity(BLOCK as usize);
        out.extend(MAGIC.to_le_bytes());
        out.extend(0u32.to_le_bytes()); // the checksum, below
        out.extend((COMPAT_SB_CHKSUM | COMPAT_MTIME).to_le_bytes());
        out.extend([BLOCK_BITS, 0]); // no extension slots
        out.extend(self.root_nid.to_le_bytes());
        out.extend(self.inodes.to_le_bytes());
        out.extend(self.epoch.0.to_le_bytes());
        out.extend(self.epoch.1.to_le_bytes());
        out.extend(self.blocks.to_le_bytes());
        out.extend(0u32.to_le_bytes()); // inode numbers count from the image's start
        out.extend(0u32.to_le_bytes()); // no shared extended attributes
        out.extend(self.uuid);
        out.extend([0; 16]); // volume name
        out.extend((INCOMPAT_CHUNKED_FILE | INCOMPAT_DEVICE_TABLE).to_le_bytes());
        out.extend(0u16.to_le_bytes()); // no compression
        out.extend(1u16.to_le_bytes()); // extra devices
        out.extend((device_slot as u16).to_le_bytes());
        out.resize(SUPERBLOCK_LEN, 0);
        out.extend([0; 64]); // device tag
        out.extend(self.tar_blocks.to_le_bytes());
        out.resize(BLOCK as usize, 0);
        // The sum covers the rest of the superblock's block; a block smaller than the
        // superblock's offset is covered whole (erofs_superblock_csum_verify).
        let sum = crc32c(&out);
        out[4..8].copy_from_slice(&sum.to_le_bytes());
        out
    }
}

/// CRC-32C without the final inversion, as EROFS stores it.
fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 }
        })
    })
}

/// How an inode's data are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// In consecutive blocks of the image.
    Plain = 0,
    /// The same, but the last, partial block stands behind the inode.
    Inline = 2,
    /// Through chunk indexes behind the inode.
    Chunks = 4,
}

/// The two inode sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// 32 bytes: 16-bit owners, 32-bit size, the superblock's time.
    Compact = 0,
    /// 64 bytes.
    Extended = 1,
}

impl Form {
    pub(super) fn len(self) -> u64 {
        match self {
            Self::Compact => 32,
            Self::Extended => 64,
        }
    }

    /// The smaller form if the inode fits in it.
    pub(super) fn for_inode(a: &Attributes, size: u64, links: u32, epoch: (i64, u32)) -> Self {
        let fits = u16::try_from(a.uid).is_ok()
            && u16::try_from(a.gid).is_ok()
            && u16::try_from(links).is_ok()
            && u32::try_from(size).is_ok()
            && (a.mtime, a.mtime_nsec) == epoch;
        if fits { Self::Compact } else { Self::Extended }
    }
}

/// An inode's fields.
pub(super) struct RawInode<'a> {
    pub(super) form: Form,
    pub(super) layout: Layout,
    pub(super) attributes: &'a Attributes,
    /// File type and permission bits.
    pub(super) mode: u16,
    pub(super) size: u64,
    pub(super) links: u32,
    /// Number for 32-bit callers of stat(2).
    pub(super) ino: u32,
    /// Count as [`super::xattrs`] computes it.
    pub(super) xattr_count: u16,
    /// First block, device number or chunk format.
    pub(super) union: u32,
}

impl RawInode<'_> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let format = (self.layout as u16) << 1 | self.form as u16;
        out.extend(format.to_le_bytes());
        out.extend(self.xattr_count.to_le_bytes());
        out.extend(self.mode.to_le_bytes());
        match self.form {
            Form::Compact => {
                out.extend((self.links as u16).to_le_bytes());
                out.extend((self.size as u32).to_le_bytes());
                out.extend([0; 4]);
                out.extend(self.union.to_le_bytes());
                out.extend(self.ino.to_le_bytes());
                out.extend((self.attributes.uid as u16).to_le_bytes());
                out.extend((self.attributes.gid as u16).to_le_bytes());
                out.extend([0; 4]);
            }
            Form::Extended => {
                out.extend([0; 2]);
                out.extend(self.size.to_le_bytes());
                out.extend(self.union.to_le_bytes());
                out.extend(self.ino.to_le_bytes());
                out.extend(self.attributes.uid.to_le_bytes());
                out.extend(self.attributes.gid.to_le_bytes());
                out.extend(self.attributes.mtime.to_le_bytes());
                out.extend(self.attributes.mtime_nsec.to_le_bytes());
                out.extend(self.links.to_le_bytes());
                out.extend([0; 16]);
            }
        }
    }
}

/// The union of a chunk-based inode: chunks of `1 << bits` blocks.
pub(super) fn chunk_format(bits: u8) -> u32 {
    u32::from(CHUNK_FORMAT_INDEXES | u16::from(bits))
}

/// One chunk index.
pub(super) fn encode_chunk(device: u16, block: u32, out: &mut Vec<u8>) {
    out.extend(0u16.to_le_bytes());
    out.extend(device.to_le_bytes());
    out.extend(block.to_le_bytes());
}

/// A device number as the kernel's `new_encode_dev` packs it.
pub(super) fn encode_device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xf_ff00) << 12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc32c() {
        // The check value of the CRC catalogue, before its final inversion.
        assert_eq!(!crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn device_numbers_pack_as_the_kernel_does() {
        assert_eq!(encode_device(1, 3), 0x0103);
        assert_eq!(encode_device(0, 0), 0);
        assert_eq!(encode_device(0x123, 0x4_5678), 0x4561_2378);
    }
}
