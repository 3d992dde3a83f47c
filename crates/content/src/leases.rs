//! Keeping digests from being collected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gantry_reference::Digest;

/// The digests that somebody needs although no record names them yet.
///
/// Leases live in memory: after a crash nobody needs anything.
#[derive(Debug, Clone, Default)]
pub struct Leases(Arc<Mutex<HashMap<Digest, usize>>>);

/// Holds digests until it is dropped.
#[derive(Debug)]
pub struct Lease {
    leases: Leases,
    held: Vec<Digest>,
}

impl Leases {
    /// Holds these digests, be they here already or not.
    pub fn hold(&self, digests: impl IntoIterator<Item = Digest>) -> Lease {
        let mut lease = Lease {
            leases: self.clone(),
            held: Vec::new(),
        };
        digests.into_iter().for_each(|digest| lease.add(digest));
        lease
    }

    /// Whether anybody holds the digest.
    pub fn is_held(&self, digest: &Digest) -> bool {
        self.lock().contains_key(digest)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Holds one more.
    pub fn add(&mut self, digest: Digest) {
        *self.leases.lock().entry(digest.clone()).or_default() += 1;
        self.held.push(digest);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.leases.lock();
        for digest in &self.held {
            if let Some(count) = held.get_mut(digest) {
                *count -= 1;
                if *count == 0 {
                    held.remove(digest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_held_as_long_as_anybody_holds_it() {
        let digest = Digest::from_sha256_hex(&"1".repeat(64)).unwrap();
        let leases = Leases::default();
        let first = leases.hold([digest.clone()]);
        let second = leases.hold([digest.clone()]);
        drop(first);
        assert!(leases.is_held(&digest));
        drop(second);
        assert!(!leases.is_held(&digest));
    }
}
