//! RFC 3339 times by hand: a log of a million lines has a million of them.

const NANOS: u64 = 1_000_000_000;

/// How the fraction of a second is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fraction {
    /// Without trailing zeros, as in log files (Go's `RFC3339Nano`).
    Shortest,
    /// Always nine digits, as `logs --timestamps` prints (columns stay aligned and sort as text).
    Nine,
}

/// Appends a time in UTC (`2026-01-02T03:04:05.678Z`).
pub fn format_time(out: &mut Vec<u8>, unix_nanos: u64, fraction: Fraction) {
    out.extend_from_slice(&date_and_second(unix_nanos / NANOS));
    push_fraction(out, (unix_nanos % NANOS) as u32, fraction);
    out.push(b'Z');
}

/// `YYYY-MM-DDThh:mm:ss` of a Unix time in seconds.
pub(crate) fn date_and_second(unix_seconds: u64) -> [u8; 19] {
    let (year, month, day) = civil_from_days(unix_seconds / 86_400);
    let second = unix_seconds % 86_400;
    let mut text = *b"0000-00-00T00:00:00";
    put_digits(&mut text[0..4], year);
    put_digits(&mut text[5..7], month);
    put_digits(&mut text[8..10], day);
    put_digits(&mut text[11..13], second / 3600);
    put_digits(&mut text[14..16], second / 60 % 60);
    put_digits(&mut text[17..19], second % 60);
    text
}

pub(crate) fn push_fraction(out: &mut Vec<u8>, nanos: u32, fraction: Fraction) {
    if nanos == 0 && fraction == Fraction::Shortest {
        return;
    }
    let mut text = *b".000000000";
    put_digits(&mut text[1..], u64::from(nanos));
    let mut end = text.len();
    if fraction == Fraction::Shortest {
        while text[end - 1] == b'0' {
            end -= 1;
        }
    }
    out.extend_from_slice(&text[..end]);
}

fn put_digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Reads an RFC 3339 time of 1970 or later; the offset may be `Z` or hours and minutes.
pub fn parse_time(text: &[u8]) -> Option<u64> {
    let (date, rest) = text.split_first_chunk::<19>()?;
    let separators = [date[4], date[7], date[10], date[13], date[16]];
    if !matches!(separators, [b'-', b'-', b'T' | b't' | b' ', b':', b':']) {
        return None;
    }
    let (year, month, day) = (
        digits(&date[0..4])?,
        digits(&date[5..7])?,
        digits(&date[8..10])?,
    );
    let (hour, minute, second) = (
        digits(&date[11..13])?,
        digits(&date[14..16])?,
        digits(&date[17..19])?,
    );
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let (nanos, rest) = parse_fraction(rest)?;
    let local = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let utc = local.checked_add_signed(-parse_offset(rest)?)?;
    utc.checked_mul(NANOS)?.checked_add(nanos)
}

fn parse_fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let Some((b'.', rest)) = text.split_first() else {
        return Some((0, text));
    };
    let count = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    // Digits beyond nanoseconds are cut off.
    let kept = count.min(9);
    let nanos = digits(&rest[..kept])? * 10_u64.pow(9 - kept as u32);
    Some((nanos, &rest[count..]))
}

/// Seconds that the local time is ahead of UTC.
fn parse_offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = (digits(&[*h1, *h2])? * 3600 + digits(&[*m1, *m2])? * 60) as i64;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, c| {
        c.is_ascii_digit().then(|| value * 10 + u64::from(c - b'0'))
    })
}

/// Days in the 400 years after which the Gregorian calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// Days from 0000-03-01, where eras begin, to 1970-01-01.
const EPOCH_DAYS: u64 = 719_468;

/// The date of a day counted from 1970-01-01. Years are taken to begin in March, so that the leap
/// day is a year's last.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH_DAYS;
    let era = days / ERA_DAYS;
    let of_era = days % ERA_DAYS;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let year_of_era = year % 400;
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    year / 400 * ERA_DAYS + of_era - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(unix_nanos: u64, fraction: Fraction) -> String {
        let mut out = Vec::new();
        format_time(&mut out, unix_nanos, fraction);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_times() {
        assert_eq!(text(0, Fraction::Shortest), "1970-01-01T00:00:00Z");
        assert_eq!(
            text(951_782_400 * NANOS, Fraction::Shortest),
            "2000-02-29T00:00:00Z"
        );
        let nanos = 1_709_251_199_120_000_000;
        assert_eq!(text(nanos, Fraction::Shortest), "2024-02-29T23:59:59.12Z");
        assert_eq!(
            text(nanos, Fraction::Nine),
            "2024-02-29T23:59:59.120000000Z"
        );
    }

    #[test]
    fn offsets_and_long_fractions_are_understood() {
        assert_eq!(parse_time(b"1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_time(b"1969-12-31T23:00:00-01:00"), None);
        assert_eq!(
            parse_time(b"1970-01-01T00:00:00.1234567891Z"),
            Some(123_456_789)
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "now",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00.Z",
            "1970-13-01T00:00:00Z",
            "1970-01-01T25:00:00Z",
            "1970-01-01T00:00:00ZZ",
            "1970-01-01T00:00:00+99",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(parse_time(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_formatted_parses_back(nanos: u64) {
            for fraction in [Fraction::Shortest, Fraction::Nine] {
                let text = text(nanos, fraction);
                prop_assert_eq!(parse_time(text.as_bytes()), Some(nanos), "{}", text);
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = parse_time(&bytes);
        }
    }
}
