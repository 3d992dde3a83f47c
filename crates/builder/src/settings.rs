//! What the daemon's configuration says of building (`builder` in daemon.json).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Entitlement, PruneOptions};

/// The settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What a build may be granted.
    pub entitlements: BTreeSet<Entitlement>,
    /// How the cache is kept within its bounds, rule by rule; none keeps everything.
    pub gc: Vec<PruneOptions>,
}

impl Default for Settings {
    /// As Docker: the host's network and devices may be granted, all rights may not.
    fn default() -> Self {
        Self {
            entitlements: [Entitlement::HostNetwork, Entitlement::Device].into(),
            gc: default_gc(Space::default()),
        }
    }
}

/// Bounds of what a cache takes, in bytes; 0 is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// What it may always have.
    pub reserved: u64,
    /// The most that it may have.
    pub max_used: u64,
    /// What is to be free on the disk; more of the cache goes when less is.
    pub min_free: u64,
}

impl Space {
    /// Whether nothing is bounded.
    pub fn is_unbounded(self) -> bool {
        self == Self::default()
    }

    /// How much of `total` may stay while so much of the disk is free; `None` is all.
    pub(crate) fn keeps(self, total: u64, free: u64) -> Option<u64> {
        let most = Some(self.max_used).filter(|most| *most > 0);
        let missing = self.min_free.saturating_sub(free);
        let kept = match (most, missing) {
            // A reserve alone is what shall be left.
            (None, 0) if self.min_free == 0 => Some(self.reserved),
            (None, 0) => None,
            (None, missing) => Some(total.saturating_sub(missing)),
            (Some(most), missing) => Some(most.min(total.saturating_sub(missing))),
        };
        kept.map(|kept| kept.max(self.reserved))
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Docker's rules: what is quickly made again goes after two days when it is much, everything after sixty, and then
/// whatever was used longest ago until the bounds are kept.
///
/// Without bounds they are a share of the disk.
pub fn default_gc(space: Space) -> Vec<PruneOptions> {
    let bounded = |all: bool, older_than: Option<Duration>| PruneOptions {
        all,
        older_than,
        space,
        share_of_disk: space.is_unbounded(),
        ..PruneOptions::default()
    };
    vec![
        PruneOptions {
            older_than: Some(2 * DAY),
            kinds: vec!["exec.cachemount".to_owned()],
            space: Space {
                max_used: 512_000_000,
                ..Space::default()
            },
            ..PruneOptions::default()
        },
        bounded(false, Some(60 * DAY)),
        bounded(false, None),
        bounded(true, None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_as_buildkit_keeps_them() {
        let keeps = |reserved, max_used, min_free, total, free| {
            let space = Space {
                reserved,
                max_used,
                min_free,
            };
            space.keeps(total, free)
        };
        assert_eq!(keeps(10, 0, 0, 100, 5), Some(10), "keep-storage alone");
        assert_eq!(keeps(10, 50, 0, 100, 5), Some(50));
        assert_eq!(keeps(10, 0, 20, 100, 30), None, "enough is free");
        assert_eq!(keeps(10, 0, 20, 100, 5), Some(85));
        assert_eq!(keeps(10, 50, 20, 100, 5), Some(50));
        assert_eq!(keeps(40, 50, 90, 100, 5), Some(40), "the reserve stays");
    }
}
