//! The two clocks.

use rustix::time::{ClockId, clock_gettime};

/// Unix time in nanoseconds, for what is written down.
pub(crate) fn unix_nanos() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + now.tv_nsec as u64
}
