//! Time as events and their queries have it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub i64);

impl Instant {
    /// Now.
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Whole seconds.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// How long until then; nothing left if it is past.
    pub fn remaining(self) -> Duration {
        let nanos = self.0.saturating_sub(Self::now().0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }
}
