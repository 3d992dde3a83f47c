//! Times as the API writes them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970.
pub(crate) fn now_nanos() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as i64)
}

/// RFC 3339 in UTC with nanoseconds as Go prints them; Go's zero time for 0.
pub(crate) fn rfc3339(nanos: i64) -> String {
    if nanos == 0 {
        return gantry_api_types::ZERO_TIME.to_owned();
    }
    jiff::Timestamp::from_nanosecond(i128::from(nanos)).map_or_else(
        |_| gantry_api_types::ZERO_TIME.to_owned(),
        |t| t.to_string(),
    )
}

/// RFC 3339 in UTC with all nine digits, as Docker stamps log lines.
pub(crate) fn rfc3339_padded(nanos: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanos)).map_or_else(
        |_| gantry_api_types::ZERO_TIME.to_owned(),
        |t| format!("{t:.9}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_gos() {
        assert_eq!(rfc3339(0), "0001-01-01T00:00:00Z");
        assert_eq!(
            rfc3339(1_700_000_000_123_456_789),
            "2023-11-14T22:13:20.123456789Z"
        );
        assert_eq!(rfc3339(1_700_000_000_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(
            rfc3339_padded(1_700_000_000_000_000_000),
            "2023-11-14T22:13:20.000000000Z"
        );
    }
}
