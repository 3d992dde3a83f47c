//! Sizes in bytes, read and printed.

use crate::Error;

const DECIMAL: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/// Reads a size in which `k` is 1024: `64m`, `1.5g`, `512`, `1 GiB`.
pub fn parse_ram(text: &str) -> Result<i64, Error> {
    parse(text, 1024.0)
}

/// Reads a size in which `k` is 1000: `10GB`.
pub fn parse_size(text: &str) -> Result<i64, Error> {
    parse(text, 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "the bound is meant rounded")]
fn parse(text: &str, base: f64) -> Result<i64, Error> {
    let invalid = || Error::Size(text.to_owned());
    let last = text
        .rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')
        .ok_or_else(invalid)?;
    let (number, suffix) = text.split_at(last + 1);
    let number = number.strip_suffix(' ').unwrap_or(number);
    if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(invalid());
    }
    let number: f64 = number.parse().map_err(|_| invalid())?;
    let bytes = number * multiplier(suffix, base)?;
    // The comparison is against the rounded i64::MAX, hence `>=`.
    if !bytes.is_finite() || bytes >= i64::MAX as f64 {
        return Err(invalid());
    }
    Ok(bytes as i64)
}

fn multiplier(suffix: &str, base: f64) -> Result<f64, Error> {
    let bad = || Error::SizeSuffix(suffix.to_owned());
    let lower = suffix.to_ascii_lowercase();
    let mut letters = lower.chars();
    let power = match letters.next() {
        None => return Ok(1.0),
        Some('b') if lower.len() == 1 => return Ok(1.0),
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some('p') => 5,
        _ => return Err(bad()),
    };
    match letters.as_str() {
        "" | "b" | "ib" => Ok(base.powi(power)),
        _ => Err(bad()),
    }
}

/// Prints a size with powers of 1000 and four digits: `1.23MB`.
pub fn human_size(bytes: f64) -> String {
    human_size_with_precision(bytes, 4)
}

/// Prints a size with powers of 1000 and so many digits, as `docker images` does with 3.
pub fn human_size_with_precision(bytes: f64, precision: usize) -> String {
    print(bytes, 1000.0, &DECIMAL, precision)
}

/// Prints a size with powers of 1024 and four digits: `7.703MiB`.
pub fn bytes_size(bytes: f64) -> String {
    print(bytes, 1024.0, &BINARY, 4)
}

fn print(mut size: f64, base: f64, units: &[&str], precision: usize) -> String {
    let mut unit = 0;
    while size >= base && unit < units.len() - 1 {
        size /= base;
        unit += 1;
    }
    format!("{}{}", general(size, precision), units[unit])
}

/// C's and Go's `%.<precision>g`.
fn general(value: f64, precision: usize) -> String {
    let precision = precision.max(1);
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    without_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_ram_sizes() {
        assert_eq!(parse_ram("32"), Ok(32));
        assert_eq!(parse_ram("32b"), Ok(32));
        assert_eq!(parse_ram("64m"), Ok(64 << 20));
        assert_eq!(parse_ram("1.5g"), Ok(3 << 29));
        assert_eq!(parse_ram("1.5 GiB"), Ok(3 << 29));
        assert_eq!(parse_ram("32kb"), Ok(32 << 10));
        assert_eq!(parse_size("32kb"), Ok(32_000));
        assert_eq!(
            parse_ram("hello").unwrap_err().to_string(),
            "invalid size: 'hello'"
        );
        assert_eq!(
            parse_ram("32bm").unwrap_err().to_string(),
            "invalid suffix: 'bm'"
        );
        for bad in [
            "",
            "-32",
            " 32 ",
            "32m b",
            "1e5",
            "inf",
            "nan",
            ".",
            "99999999999p",
        ] {
            assert!(parse_ram(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn prints_what_docker_prints() {
        assert_eq!(human_size(0.0), "0B");
        assert_eq!(human_size(1_000.0), "1kB");
        assert_eq!(human_size(1_024.0), "1.024kB");
        assert_eq!(human_size(1_234_567.0), "1.235MB");
        assert_eq!(human_size(999_960.0), "1000kB");
        assert_eq!(human_size_with_precision(187_654_321.0, 3), "188MB");
        assert_eq!(human_size_with_precision(999_600.0, 3), "1e+03kB");
        assert_eq!(bytes_size(1_024.0), "1KiB");
        assert_eq!(bytes_size(8_077_312.0), "7.703MiB");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*", bytes in any::<f64>(), precision in 0usize..20) {
            let _ = parse_ram(&text);
            let _ = human_size_with_precision(bytes, precision);
        }
    }
}
