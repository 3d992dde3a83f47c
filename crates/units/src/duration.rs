//! Go's durations.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Error;

/// A duration in nanoseconds, written and read as Go does (`1h2m3.5s`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(pub i64);

const SECOND: u64 = 1_000_000_000;

impl GoDuration {
    /// Nanoseconds.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// The duration, nothing if it is negative.
    pub fn positive(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }
}

impl From<Duration> for GoDuration {
    fn from(d: Duration) -> Self {
        Self(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl FromStr for GoDuration {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::Duration(text.to_owned());
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let (nanos, after) = term(rest, text)?;
            total = total.checked_add(nanos).ok_or_else(invalid)?;
            rest = after;
        }
        let total = if negative { -total } else { total };
        i64::try_from(total).map(Self).map_err(|_| invalid())
    }
}

/// Reads one `number unit` and gives what is left.
fn term<'a>(rest: &'a str, whole: &str) -> Result<(i128, &'a str), Error> {
    let invalid = || Error::Duration(whole.to_owned());
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (integer, mut rest) = rest.split_at(digits);
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        let digits = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        (fraction, rest) = after.split_at(digits);
    }
    if integer.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let end = rest
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let scale = match unit {
        "" => return Err(Error::DurationUnitMissing(whole.to_owned())),
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3600 * SECOND,
        _ => {
            return Err(Error::DurationUnit {
                unit: unit.to_owned(),
                value: whole.to_owned(),
            });
        }
    };
    let integer: i128 = match integer {
        "" => 0,
        digits => digits.parse::<i64>().map_err(|_| invalid())?.into(),
    };
    Ok((
        integer * i128::from(scale) + fraction_of(fraction, scale),
        rest,
    ))
}

/// `0.fraction` of `scale`, rounded down; digits beyond what a unit can hold do not count.
fn fraction_of(fraction: &str, scale: u64) -> i128 {
    let mut value: i128 = 0;
    let mut divisor: i128 = 1;
    for digit in fraction.bytes().take(18) {
        value = value * 10 + i128::from(digit - b'0');
        divisor *= 10;
    }
    value * i128::from(scale) / divisor
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let nanos = self.0.unsigned_abs();
        match nanos {
            0 => return f.write_str("0s"),
            1..1_000 => return write!(f, "{nanos}ns"),
            1_000..1_000_000 => return write!(f, "{}µs", decimal(nanos, 1_000)),
            1_000_000..SECOND => return write!(f, "{}ms", decimal(nanos, 1_000_000)),
            _ => {}
        }
        let minutes = nanos / (60 * SECOND);
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        write!(f, "{}s", decimal(nanos % (60 * SECOND), SECOND))
    }
}

/// `value / unit` with as many decimals as it needs.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{fraction:0width$}")
        .trim_end_matches('0')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_go_reads() {
        let nanos = |text: &str| text.parse::<GoDuration>().map(GoDuration::nanos);
        assert_eq!(nanos("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(nanos("1.5s"), Ok(1_500_000_000));
        assert_eq!(nanos("-2ms"), Ok(-2_000_000));
        assert_eq!(nanos(".5m"), Ok(30_000_000_000));
        assert_eq!(nanos("100us"), Ok(100_000));
        assert_eq!(nanos("0"), Ok(0));
        assert_eq!(nanos("5"), Err(Error::DurationUnitMissing("5".into())));
        assert_eq!(
            nanos("5y").unwrap_err().to_string(),
            "time: unknown unit \"y\" in duration \"5y\""
        );
        assert!(nanos("").is_err());
        assert!(nanos("-").is_err());
        assert!(nanos("9999999999h").is_err());
    }

    #[test]
    fn writes_what_go_writes() {
        let text = |nanos: i64| GoDuration(nanos).to_string();
        assert_eq!(text(0), "0s");
        assert_eq!(text(1_500_000_000), "1.5s");
        assert_eq!(text(90_000_000_000), "1m30s");
        assert_eq!(text(3_600_000_000_000), "1h0m0s");
        assert_eq!(text(1_500), "1.5µs");
        assert_eq!(text(-2_000_000), "-2ms");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = text.parse::<GoDuration>();
        }

        #[test]
        fn reads_what_it_writes(nanos in any::<i64>()) {
            let duration = GoDuration(nanos);
            // Go too cannot read back the one value whose magnitude does not fit.
            prop_assume!(nanos != i64::MIN);
            prop_assert_eq!(duration.to_string().parse::<GoDuration>(), Ok(duration));
        }
    }
}
