//! `--cpus 1.5`.

use crate::Error;

const NANO: i128 = 1_000_000_000;

/// Reads a number of CPUs into billionths of one: `0.5`, `2`, `1/4`.
pub fn parse_cpus(text: &str) -> Result<i64, Error> {
    let bad = || Error::Cpus(text.to_owned());
    let (numerator, divisor) = match text.split_once('/') {
        Some((numerator, divisor)) => (decimal(numerator), decimal(divisor)),
        None => (decimal(text), Some((1, 0))),
    };
    let (numerator, divisor) = (numerator.ok_or_else(bad)?, divisor.ok_or_else(bad)?);
    if divisor.0 == 0 {
        return Err(bad());
    }
    let above = numerator.0 * NANO * 10_i128.pow(divisor.1);
    let below = divisor.0 * 10_i128.pow(numerator.1);
    if above % below != 0 {
        return Err(Error::CpusPrecision);
    }
    i64::try_from(above / below).map_err(|_| bad())
}

/// Digits with at most one point, as an integer and the number of decimals.
fn decimal(text: &str) -> Option<(i128, u32)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    // Eighteen digits fit without overflow in what is computed from them, and nobody has more.
    if all.is_empty() || all.len() > 18 || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Ten decimals at most: enough to see that nine were not.
    let fraction_digits = u32::try_from(fraction.len()).ok().filter(|n| *n <= 10)?;
    let value: i128 = all.parse().ok()?;
    Some((if negative { -value } else { value }, fraction_digits))
}

/// Prints billionths of a CPU as Docker does: `0.500`, `2.000`.
#[expect(clippy::cast_precision_loss, reason = "three decimals are printed")]
pub fn format_cpus(nano: i64) -> String {
    format!("{:.3}", nano as f64 / NANO as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_refuses() {
        assert_eq!(parse_cpus("1.5"), Ok(1_500_000_000));
        assert_eq!(parse_cpus(".5"), Ok(500_000_000));
        assert_eq!(parse_cpus("1/4"), Ok(250_000_000));
        assert_eq!(parse_cpus("0.0000000001"), Err(Error::CpusPrecision));
        assert_eq!(parse_cpus("1/3"), Err(Error::CpusPrecision));
        assert_eq!(
            parse_cpus("two").unwrap_err().to_string(),
            "failed to parse two as a rational number"
        );
        assert!(parse_cpus("1/0").is_err());
        assert_eq!(format_cpus(500_000_000), "0.500");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*", number in "[-+]?[0-9]{0,25}[./]?[0-9]{0,25}") {
            let _ = parse_cpus(&text);
            let _ = parse_cpus(&number);
        }
    }
}
