//! Hashing.

use std::fmt;
use std::io::{self, Read};

use gantry_reference::{Algorithm, Digest};
use ring::digest::{Context, SHA256, SHA512};

/// Hashes bytes into a [`Digest`].
#[derive(Clone)]
pub struct Digester {
    algorithm: Algorithm,
    // Hand-written for each processor: on those without SHA instructions twice as fast as what a
    // compiler makes.
    state: Context,
}

impl Digester {
    /// Begins.
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            state: Context::new(match algorithm {
                Algorithm::Sha256 => &SHA256,
                Algorithm::Sha512 => &SHA512,
            }),
        }
    }

    /// SHA-256 of bytes that are all here.
    pub fn sha256(bytes: &[u8]) -> Digest {
        Self::digest(Algorithm::Sha256, bytes)
    }

    /// The digest of bytes that are all here.
    pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut digester = Self::new(algorithm);
        digester.update(bytes);
        digester.finish()
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// Ends.
    pub fn finish(self) -> Digest {
        let digest = Digest::from_raw(self.algorithm, self.state.finish().as_ref());
        #[expect(
            clippy::expect_used,
            reason = "the output length is the algorithm's by type"
        )]
        digest.expect("a hash function gives as many bytes as it says")
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester")
    }
}

/// Hashes and counts what is read through it.
#[derive(Debug)]
pub struct DigestReader<R> {
    inner: R,
    digester: Digester,
    count: u64,
}

impl<R: Read> DigestReader<R> {
    /// Puts itself in front of `inner`.
    pub fn new(algorithm: Algorithm, inner: R) -> Self {
        Self {
            inner,
            digester: Digester::new(algorithm),
            count: 0,
        }
    }

    /// Bytes read so far.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The digest and the number of the bytes that were read.
    pub fn finish(self) -> (Digest, u64) {
        (self.digester.finish(), self.count)
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.digester.update(&buf[..read]);
        self.count += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_known_ones() {
        assert_eq!(
            Digester::sha256(b"").as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert!(
            Digester::digest(Algorithm::Sha512, b"abc")
                .hex()
                .starts_with("ddaf35a193617aba")
        );
        let mut reader = DigestReader::new(Algorithm::Sha256, &b"abc"[..]);
        io::copy(&mut reader, &mut io::sink()).unwrap();
        let (digest, count) = reader.finish();
        assert_eq!((digest, count), (Digester::sha256(b"abc"), 3));
    }
}
