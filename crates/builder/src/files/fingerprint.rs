//! What makes two layers the same: a digest over named, delimited parts.

use std::io::Read;

use gantry_archive::Digester;
use gantry_reference::{Algorithm, Digest};

/// Collects parts.
pub(crate) struct Fingerprint(Digester);

impl Fingerprint {
    /// Begins; `what` keeps kinds of layers apart.
    pub(crate) fn new(what: &str) -> Self {
        let mut fingerprint = Self(Digester::new(Algorithm::Sha256));
        fingerprint.add(what);
        fingerprint
    }

    /// One more part; its length goes first, so that no two lists of parts read the same.
    pub(crate) fn add(&mut self, part: impl AsRef<[u8]>) -> &mut Self {
        let part = part.as_ref();
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// A list of parts.
    pub(crate) fn all<T: AsRef<[u8]>>(&mut self, parts: impl IntoIterator<Item = T>) -> &mut Self {
        let parts: Vec<T> = parts.into_iter().collect();
        self.add((parts.len() as u64).to_le_bytes());
        for part in parts {
            self.add(part);
        }
        self
    }

    /// The digest of all.
    pub(crate) fn finish(self) -> Digest {
        self.0.finish()
    }
}

/// The digest of a file's content.
pub(crate) fn content(mut file: impl Read) -> std::io::Result<Digest> {
    let mut own = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(own.finish()),
            read => own.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let of = |parts: &[&str]| {
            let mut print = Fingerprint::new("x");
            print.all(parts);
            print.finish()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a"]), of(&["a", ""]));
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    }
}
