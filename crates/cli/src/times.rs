//! Points in time: as options give them, and as lists show them.

use std::time::Duration;

use gantry_units::{GoDuration, human_duration};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Turns `42m`, `2013-01-02T13:23:37Z`, `2013-01-02` or Unix seconds into what the API takes:
/// seconds with a fraction.
pub(crate) fn api_timestamp(text: &str) -> String {
    if let Ok(duration) = text.parse::<GoDuration>() {
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
    match Timestamp::from_second(seconds) {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S %z %Z")
            .to_string(),
        Err(_) => seconds.to_string(),
    }
}

/// RFC 3339 in local time, for lists.
pub(crate) fn rfc3339(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => {
            let zoned = time.to_zoned(TimeZone::system());
            if zoned.offset().seconds() == 0 {
                return zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            }
            zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
        }
        Err(_) => seconds.to_string(),
    }
}

/// RFC 3339 with nanoseconds, as events are printed.
pub(crate) fn event_time(nanos: i64) -> String {
    match Timestamp::from_nanosecond(i128::from(nanos)) {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%dT%H:%M:%S.%9f%:z")
            .to_string(),
        Err(_) => nanos.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_take_instants_and_durations() {
        assert_eq!(
            api_timestamp("2013-01-02T13:23:37Z"),
            "1357133017.000000000"
        );
        assert_eq!(
            api_timestamp("1136073845.000000001"),
            "1136073845.000000001"
        );
        let ago: f64 = api_timestamp("42m").parse().unwrap();
        let now = Timestamp::now().as_second() as f64;
        assert!((now - ago - 2520.0).abs() < 5.0);
    }
}
