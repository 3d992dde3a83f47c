//! A line of progress while a folder comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gantry_builder::Told;

/// At most so often.
const LINE_EVERY: Duration = Duration::from_millis(100);

/// A line of progress.
pub(super) struct Line {
    name: &'static str,
    pub(super) bytes: Arc<AtomicU64>,
}

impl Line {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            bytes: Arc::default(),
        }
    }

    pub(super) fn told(&self, finished: bool) -> Told {
        Told::Part {
            name: self.name.to_owned(),
            current: self.bytes.load(Ordering::Relaxed),
            total: 0,
            finished,
        }
    }

    /// Tells how far it is while work goes on.
    pub(super) async fn drawn<T>(
        &self,
        work: impl Future<Output = T>,
        part: &(dyn Fn(Told) + Send + Sync),
    ) -> T {
        tokio::pin!(work);
        part(self.told(false));
        let mut ticks = tokio::time::interval_at((Instant::now() + LINE_EVERY).into(), LINE_EVERY);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => part(self.told(false)),
            }
        }
    }
}
