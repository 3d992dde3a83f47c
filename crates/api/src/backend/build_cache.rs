//! What builds keep, as `GET /system/df` tells it.

use std::time::SystemTime;

use gantry_api_types::{BuildCache, CacheMount, ZERO_TIME};
use gantry_builder::CacheRecord;

/// A record as clients see it.
pub(super) fn counted(record: CacheRecord) -> BuildCache {
    BuildCache {
        id: record.id,
        kind: record.kind.to_owned(),
        description: record.description,
        in_use: false,
        shared: record.shared,
        size: i64::try_from(record.size).unwrap_or(i64::MAX),
        created_at: rfc3339(record.created),
        last_used_at: Some(rfc3339(record.used)),
        usage_count: i64::try_from(record.uses).unwrap_or(i64::MAX),
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
