//! Writes archives for the tests, good and bad ones.

use gantry_reference::{Algorithm, Digest};

use crate::intake::Hasher;

/// An archive being written.
#[derive(Default, Clone)]
pub(super) struct Archive {
    bytes: Vec<u8>,
}

/// A header's fields; the defaults are a plain file's.
#[derive(Clone)]
pub(super) struct Member<'a> {
    pub(super) path: &'a [u8],
    pub(super) flag: u8,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) mtime: u64,
    pub(super) link: &'a [u8],
    pub(super) device: (u32, u32),
    pub(super) pax: Vec<(&'a [u8], &'a [u8])>,
    pub(super) content: &'a [u8],
}

impl Default for Member<'_> {
    fn default() -> Self {
        Self {
            path: b"",
            flag: b'0',
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 1_700_000_000,
            link: b"",
            device: (0, 0),
            pax: Vec::new(),
            content: b"",
        }
    }
}

impl Archive {
    pub(super) fn file(self, path: &str, content: &[u8]) -> Self {
        self.member(&Member {
            path: path.as_bytes(),
            content,
            ..Member::default()
        })
    }

    pub(super) fn directory(self, path: &str) -> Self {
        self.member(&Member {
            path: path.as_bytes(),
            flag: b'5',
            mode: 0o755,
            ..Member::default()
        })
    }

    pub(super) fn symlink(self, path: &str, target: &str) -> Self {
        self.link(path, target, b'2')
    }

    pub(super) fn hardlink(self, path: &str, target: &str) -> Self {
        self.link(path, target, b'1')
    }

    fn link(self, path: &str, target: &str, flag: u8) -> Self {
        let link = target.as_bytes();
        self.member(&Member {
            path: path.as_bytes(),
            flag,
            link,
            ..Member::default()
        })
    }

    pub(super) fn member(mut self, member: &Member<'_>) -> Self {
        let mut pax = member.pax.clone();
        if member.path.len() > 100 {
            pax.push((b"path", member.path));
        }
        if member.link.len() > 100 {
            pax.push((b"linkpath", member.link));
        }
        if !pax.is_empty() {
            let body: Vec<u8> = pax
                .iter()
                .flat_map(|(key, value)| record(key, value))
                .collect();
            let path = b"PaxHeaders/x";
            self.block(&Member {
                path,
                flag: b'x',
                content: &body,
                ..Member::default()
            });
            self.content(&body);
        }
        self.block(member);
        self.content(member.content);
        self
    }

    /// A header of its own making: `change` may alter the block before its sum is taken.
    pub(super) fn odd(mut self, member: &Member<'_>, change: impl Fn(&mut [u8])) -> Self {
        let start = self.bytes.len();
        self.block(member);
        change(&mut self.bytes[start..start + 512]);
        seal(&mut self.bytes[start..start + 512]);
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.content(bytes);
        self
    }

    fn block(&mut self, member: &Member<'_>) {
        let mut block = [0; 512];
        let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
        put(0, &member.path[..member.path.len().min(100)]);
        put(100, format!("{:07o}", member.mode).as_bytes());
        put(108, &number(member.uid, 8));
        put(116, &number(member.gid, 8));
        put(124, &number(member.content.len() as u64, 12));
        put(136, &number(member.mtime, 12));
        put(156, &[member.flag]);
        put(157, &member.link[..member.link.len().min(100)]);
        put(257, b"ustar\x0000");
        put(329, &number(u64::from(member.device.0), 8));
        put(337, &number(u64::from(member.device.1), 8));
        seal(&mut block);
        self.bytes.extend(block);
    }

    fn content(&mut self, content: &[u8]) {
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
    }

    /// The finished archive and its digest.
    pub(super) fn finish(mut self) -> Layer {
        self.bytes.extend([0; 1024]);
        Layer::from_bytes(self.bytes)
    }
}

/// An archive's bytes with their digest.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) diff_id: Digest,
    pub(super) tar: Vec<u8>,
}

impl Layer {
    pub(super) fn from_bytes(tar: Vec<u8>) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&tar);
        Self {
            diff_id: hasher.finish(),
            tar,
        }
    }
}

fn number(value: u64, width: usize) -> Vec<u8> {
    let octal = format!("{value:0width$o}", width = width - 1);
    if octal.len() < width {
        return octal.into_bytes();
    }
    let mut bytes = vec![0; width];
    bytes[width - 8..].copy_from_slice(&value.to_be_bytes());
    bytes[0] |= 0x80;
    bytes
}

fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(super) fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let body = [b" ", key, b"=", value, b"\n"].concat();
    let mut len = body.len();
    while len != body.len() + len.to_string().len() {
        len = body.len() + len.to_string().len();
    }
    [len.to_string().as_bytes(), &body].concat()
}
