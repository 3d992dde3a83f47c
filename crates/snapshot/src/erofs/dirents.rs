//! Directory blocks.
//!
//! Each 512-byte block holds its entries (12 bytes each) followed by their names. Names ascend
//! within a block and from block to block, `.` and `..` among the others: the kernel searches by
//! halving.

use super::format::BLOCK;

const DIRENT: usize = 12;

/// One directory entry.
pub(super) struct Dirent<'a> {
    pub(super) name: &'a [u8],
    pub(super) nid: u64,
    /// One of the `FT_` numbers.
    pub(super) file_type: u8,
}

/// How many bytes the directory takes: full blocks, except the last.
pub(super) fn size<'a>(names: impl Iterator<Item = &'a [u8]>) -> u64 {
    let (mut blocks, mut used) = (0, 0);
    for name in names {
        let need = DIRENT + name.len();
        if used + need > BLOCK as usize {
            blocks += 1;
            used = 0;
        }
        used += need;
    }
    blocks * BLOCK + used as u64
}

/// The directory's bytes, as long as [`size`] says.
pub(super) fn encode<'a>(entries: impl Iterator<Item = Dirent<'a>>) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut block, mut used) = (Vec::new(), 0);
    for entry in entries {
        let need = DIRENT + entry.name.len();
        if used + need > BLOCK as usize {
            push_block(&mut out, &block);
            out.resize(out.len().next_multiple_of(BLOCK as usize), 0);
            block.clear();
            used = 0;
        }
        used += need;
        block.push(entry);
    }
    push_block(&mut out, &block);
    out
}

fn push_block(out: &mut Vec<u8>, entries: &[Dirent<'_>]) {
    let mut name_at = entries.len() * DIRENT;
    for entry in entries {
        out.extend(entry.nid.to_le_bytes());
        out.extend((name_at as u16).to_le_bytes());
        out.extend([entry.file_type, 0]);
        name_at += entry.name.len();
    }
    for entry in entries {
        out.extend(entry.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_encoding_agree() {
        for count in [0, 1, 20, 21, 22, 500] {
            let names: Vec<Vec<u8>> = (0..count)
                .map(|i| format!("name-{i:07}").into_bytes())
                .collect();
            let bytes = encode(names.iter().map(|name| Dirent {
                name,
                nid: 1,
                file_type: 1,
            }));
            assert_eq!(
                bytes.len() as u64,
                size(names.iter().map(|n| &n[..])),
                "{count}"
            );
        }
    }
}
