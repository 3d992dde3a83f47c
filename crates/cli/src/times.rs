//! Points in time: as options give them, and as lists show them.

use std::time::Duration;

use gantry_units::{GoDuration, human_duration};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::failure::Failure;

/// Turns `42m`, `2013-01-02T13:23:37Z`, `2013-01-02` or Unix seconds into what the API takes:
/// seconds with a fraction.
pub(crate) fn api_timestamp(text: &str) -> Result<String, Failure> {
    let seconds = || text.strip_prefix('-').unwrap_or(text);
    let is_number = || seconds().chars().all(|c| c.is_ascii_digit() || c == '.');
    let said = timestamp(text);
    if said == text && !is_number() {
        return Err(Failure::new(format!(
            "failed to parse value as time or duration: \"{text}\""
        )));
    }
    Ok(said)
}

/// The same for an option that may not have been given.
pub(crate) fn given(text: Option<&str>) -> Result<Option<String>, Failure> {
    text.filter(|text| !text.is_empty())
        .map(api_timestamp)
        .transpose()
}

fn timestamp(text: &str) -> String {
    // Nothing at all is the beginning, not now.
    if text != "0"
        && let Ok(duration) = text.parse::<GoDuration>()
    {
        return unix(Timestamp::now().as_nanosecond() - i128::from(duration.nanos()));
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return unix(instant.as_nanosecond());
    }
    let local = text
        .parse::<DateTime>()
        .ok()
        .and_then(|time| time.to_zoned(TimeZone::system()).ok());
    match local {
        Some(time) => unix(time.timestamp().as_nanosecond()),
        // Seconds already, or something for the daemon to refuse.
        None => text.to_owned(),
    }
}

fn unix(nanos: i128) -> String {
    let (seconds, rest) = (
        nanos.div_euclid(1_000_000_000),
        nanos.rem_euclid(1_000_000_000),
    );
    format!("{seconds}.{rest:09}")
}

/// `3 weeks ago`, from Unix seconds.
pub(crate) fn ago(seconds: i64) -> String {
    let age = Timestamp::now().as_second().saturating_sub(seconds);
    format!(
        "{} ago",
        human_duration(Duration::from_secs(u64::try_from(age).unwrap_or(0)))
    )
}

/// `2026-11-22 04:33:03 +0000 UTC`, from Unix seconds: how Go prints a time.
pub(crate) fn go_time(seconds: i64) -> String {
    local(
        Timestamp::from_second(seconds).ok(),
        "%Y-%m-%d %H:%M:%S %z %Z",
        "%Y-%m-%d %H:%M:%S %z %Z",
    )
    .unwrap_or_else(|| seconds.to_string())
}

/// The same from RFC 3339, with the fraction that it has.
pub(crate) fn go_time_of(text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    // Go keeps the offset that the text has, and the engine writes UTC.
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S%.f %z %Z")
        .to_string()
}

/// RFC 3339 in local time, for lists.
pub(crate) fn rfc3339(seconds: i64) -> String {
    local(
        Timestamp::from_second(seconds).ok(),
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S%:z",
    )
    .unwrap_or_else(|| seconds.to_string())
}

/// RFC 3339 with nanoseconds, as events are printed.
pub(crate) fn event_time(nanos: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(nanos)).ok();
    local(time, "%Y-%m-%dT%H:%M:%S.%9fZ", "%Y-%m-%dT%H:%M:%S.%9f%:z")
        .unwrap_or_else(|| nanos.to_string())
}

/// A point in local time, in one form for UTC and another for the rest of the world.
fn local(time: Option<Timestamp>, utc: &str, elsewhere: &str) -> Option<String> {
    let zoned = time?.to_zoned(TimeZone::system());
    let form = if zoned.offset().seconds() == 0 {
        utc
    } else {
        elsewhere
    };
    Some(zoned.strftime(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_as_go_prints_them() {
        assert_eq!(
            go_time_of("2026-11-22T05:38:36.5Z"),
            "2026-11-22 05:38:36.5 +0000 UTC"
        );
        assert_eq!(
            go_time_of("2026-11-22T05:38:36Z"),
            "2026-11-22 05:38:36 +0000 UTC"
        );
        assert_eq!(go_time_of("never"), "never");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for time in [
            "10m",
            "1700000000",
            "1700000000.5",
            "-5",
            "2013-01-02",
            "2013-01-02T10:00",
        ] {
            api_timestamp(time).unwrap();
        }
        for other in ["nonsense", "12:x", "yesterday"] {
            assert!(api_timestamp(other).is_err(), "{other}");
        }
        assert_eq!(given(None).unwrap(), None);
    }

    #[test]
    fn options_take_instants_and_durations() {
        assert_eq!(timestamp("2013-01-02T13:23:37Z"), "1357133017.000000000");
        assert_eq!(timestamp("1136073845.000000001"), "1136073845.000000001");
        let ago: f64 = timestamp("42m").parse().unwrap();
        let now = Timestamp::now().as_second() as f64;
        assert!((now - ago - 2520.0).abs() < 5.0);
    }
}
