//! Where errors and warnings are told: standard error, and the file that a shim reads.

use std::fs::File;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Error, Result};

/// Standard error, and a file if one was named.
#[derive(Debug)]
pub(crate) struct Log {
    file: Option<File>,
    json: bool,
}

impl Log {
    pub(crate) fn to_standard_error() -> Self {
        Self {
            file: None,
            json: false,
        }
    }

    /// `--log` and `--log-format`.
    pub(crate) fn open(&mut self, path: Option<&str>, format: Option<&str>) -> Result<()> {
        self.json = match format {
            Some("json") => true,
            None | Some("text" | "") => false,
            Some(other) => return Err(Error::Usage(format!("invalid log format: {other:?}"))),
        };
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            let opened = File::options().create(true).append(true).open(path);
            self.file = Some(opened.map_err(Error::file("open the log", path))?);
        }
        Ok(())
    }

    pub(crate) fn error(&mut self, message: &str) {
        let _ = writeln!(std::io::stderr(), "gantry-runtime: {message}");
        self.line("error", message);
    }

    pub(crate) fn warning(&mut self, message: &str) {
        if self.file.is_none() {
            let _ = writeln!(std::io::stderr(), "gantry-runtime: warning: {message}");
        }
        self.line("warning", message);
    }

    fn line(&mut self, level: &str, message: &str) {
        let Some(file) = &mut self.file else { return };
        let time = timestamp(SystemTime::now());
        let line = if self.json {
            serde_json::json!({ "level": level, "msg": message, "time": time }).to_string()
        } else {
            format!("time={time:?} level={level} msg={message:?}")
        };
        // Who cannot be told cannot be told of that either.
        let _ = writeln!(file, "{line}");
    }
}

/// RFC 3339, UTC, to the second.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days as i64);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The civil date of a day since 1970, counted in years that begin in March.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_rfc_3339() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_709_208_000), "2024-02-29T12:00:00Z");
    }
}
