//! One lock per name, for as long as somebody holds it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks by name.
#[derive(Debug, Default)]
pub(crate) struct NameLocks(Mutex<HashMap<String, Arc<Mutex<()>>>>);

impl NameLocks {
    /// Does `work` while nobody else works under the same name.
    pub(crate) fn with<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        let lock = Arc::clone(self.all().entry(name.to_owned()).or_default());
        let held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work();
        drop(held);
        let mut all = self.all();
        // Two are left when nobody waits: ours and the map's.
        if Arc::strong_count(&lock) == 2 {
            all.remove(name);
        }
        done
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn one_at_a_time_and_nothing_is_kept() {
        let (locks, inside) = (NameLocks::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    locks.with("a", || {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        assert!(locks.all().is_empty());
    }
}
