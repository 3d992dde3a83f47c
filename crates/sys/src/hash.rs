//! Numbers made of names, which must be the same tomorrow.
//!
//! The kernel's objects that a daemon has to find again after its own update are named by a hash:
//! its table, its bridge, its group of retired interfaces. [`std::hash::DefaultHasher`] may become
//! another algorithm with any compiler. This one is SipHash-1-3 with a key of zeros
//! (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), which is also what the standard
//! library has used so far, so that the names of older daemons stay what they are.

use std::hash::{Hash, Hasher};

/// The number of a value; for texts, paths and tuples of them.
pub fn stable(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = Bytes(Vec::new());
    value.hash(&mut hasher);
    hasher.finish()
}

/// What a value says of itself, in one row.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        siphash_1_3(&self.0)
    }
}

fn siphash_1_3(bytes: &[u8]) -> u64 {
    // "somepseudorandomlygeneratedbytes", with nothing of a key in it.
    let mut v: [u64; 4] = [
        0x736f_6d65_7073_6575,
        0x646f_7261_6e64_6f6d,
        0x6c79_6765_6e65_7261,
        0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // The length's lowest byte is the last word's highest.
    last[7] = bytes.len() as u8;
    for word in words.iter().chain([&last]) {
        let word = u64::from_le_bytes(*word);
        v[3] ^= word;
        round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A daemon that is updated looks for what has these numbers.
    #[test]
    fn the_numbers_never_change() {
        assert_eq!(siphash_1_3(b""), 0xd1fb_a762_150c_532c);
        assert_eq!(stable("gantry"), 0xcd4c_74d8_7033_d2a3);
        assert_eq!(
            stable(&("retired interfaces", "gantry")),
            0xfd0b_f7e4_ea3b_5293
        );
        assert_eq!(stable(Path::new("/run/gantry-test")), 0xdb62_65a0_821a_b553);
        assert_eq!(
            stable("longer than two words of eight"),
            0xf810_c6c5_4053_e4e5
        );
    }
}
