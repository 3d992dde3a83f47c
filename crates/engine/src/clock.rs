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

/// A file's time, for which 1970 is a moment like any other.
pub(crate) fn of_file(seconds: i64, nanos: i64) -> String {
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    jiff::Timestamp::from_nanosecond(nanos).map_or_else(
        |_| gantry_api_types::ZERO_TIME.to_owned(),
        |t| t.to_string(),
    )
}

/// A moment as a filter gives it: `42m` ago, RFC 3339, a local date, or Unix seconds; in
/// nanoseconds since 1970.
pub(crate) fn moment(text: &str) -> Option<i64> {
    if let Ok(ago) = text.parse::<gantry_units::GoDuration>() {
        return now_nanos().checked_sub(ago.nanos());
    }
    let nanos = |time: jiff::Timestamp| i64::try_from(time.as_nanosecond()).ok();
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return nanos(time);
    }
    if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        let zoned = local.to_zoned(jiff::tz::TimeZone::system()).ok()?;
        return nanos(zoned.timestamp());
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
    let fraction: i64 = format!("{fraction:0<9}").parse().ok().filter(|_| digits)?;
    let seconds: i64 = seconds.parse().ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_name_moments_in_many_ways() {
        assert_eq!(moment("5"), Some(5_000_000_000));
        assert_eq!(moment("5.25"), Some(5_250_000_000));
        assert_eq!(moment("1970-01-01T00:00:07Z"), Some(7_000_000_000));
        assert!(moment("2013-01-02").is_some());
        let ago = now_nanos() - moment("1h").unwrap();
        assert!((3_599..3_602).contains(&(ago / 1_000_000_000)));
        assert_eq!(moment("yesterday"), None);
    }

    #[test]
    fn times_are_gos() {
        assert_eq!(rfc3339(0), "0001-01-01T00:00:00Z");
        assert_eq!(
            rfc3339(1_700_000_000_123_456_789),
            "2023-11-14T22:13:20.123456789Z"
        );
        assert_eq!(rfc3339(1_700_000_000_000_000_000), "2023-11-14T22:13:20Z");
    }
}
