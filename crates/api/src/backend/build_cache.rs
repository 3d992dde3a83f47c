//! What builds keep, as `GET /system/df` tells it.

use std::time::SystemTime;

use gantry_api_types::{BuildCache, CacheMount, ZERO_TIME};
use gantry_builder::CacheRecord;

/// The cache notes when an entry was used last, not when it was made or how often it was used:
/// once at least, and not after that.
pub(super) fn counted(record: CacheRecord) -> BuildCache {
    let used = rfc3339(record.used);
    BuildCache {
        id: record.id,
        kind: record.kind.to_owned(),
        description: record.description,
        in_use: false,
        shared: record.shared,
        size: i64::try_from(record.size).unwrap_or(i64::MAX),
        created_at: used.clone(),
        last_used_at: Some(used),
        usage_count: 1,
    }
}

pub(super) fn mount(mount: gantry_builder::CacheMount) -> CacheMount {
    CacheMount {
        id: mount.id,
        name: mount.name,
        variant: mount.variant,
        size: i64::try_from(mount.size).unwrap_or(i64::MAX),
        last_used_at: rfc3339(mount.used),
    }
}

fn rfc3339(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| ZERO_TIME.to_owned(), |at| at.to_string())
}
