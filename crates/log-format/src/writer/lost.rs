//! What a log could not take: how much, why, and when to try again.

use std::io;

/// Nanoseconds between attempts while the disk refuses.
pub(super) const RETRY: u64 = 1_000_000_000;

/// Lines that could not be written.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Since the last note.
    pub(super) unsaid: u64,
    /// In all.
    pub(super) total: u64,
    /// Why, as an errno.
    errno: i32,
    /// No attempt before this time.
    retry_at: u64,
}

impl Lost {
    pub(super) fn count(&mut self, count: u64) {
        self.unsaid += count;
        self.total += count;
    }

    pub(super) fn refused(&mut self, error: &io::Error, now: u64) {
        self.errno = error.raw_os_error().unwrap_or(0);
        self.retry_at = now.saturating_add(RETRY);
    }

    pub(super) fn must_wait(&self, now: u64) -> bool {
        // The second half: the clock may have been set back.
        now < self.retry_at && self.retry_at - now <= RETRY
    }

    pub(super) fn note(&self) -> String {
        let reason = io::Error::from_raw_os_error(self.errno);
        format!(
            "[gantry: {} lines of output are lost: {reason}]\n",
            self.unsaid
        )
    }
}
