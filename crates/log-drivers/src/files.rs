use std::time::Duration;

use gantry_units::parse_size;

use crate::options::{Options, duration, number, text, truth};
use crate::{Driver, Error};

/// How the local files of a log are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Bytes of a file; 0 is no limit.
    pub max_size: u64,
    /// How many files there are at most.
    pub max_files: u32,
    /// When lines are too old to be kept.
    pub max_age: Option<Duration>,
    /// Whether older files are compressed.
    pub compress: bool,
    /// Whether users may read them (`logs`).
    pub readable: bool,
}

impl Files {
    /// Logs are bounded unless somebody says otherwise: 20 MB x 5.
    const SIZE: u64 = 20_000_000;
    const COUNT: u32 = 5;

    /// What the options say: of a driver that sends logs away, those of its local copy.
    pub fn of(driver: Driver, options: &Options) -> Result<Self, Error> {
        let prefix = if driver.forwards() { "cache-" } else { "" };
        let name = |option: &str| format!("{prefix}{option}");
        let max_size = match text(options, &name("max-size")) {
            "" => Self::SIZE,
            "-1" => 0,
            size => u64::try_from(parse_size(size).map_err(|e| Error::option(e.to_string()))?)
                .map_err(|_| Error::option("max-size must be a positive number"))?,
        };
        let max_files = number::<u32>(options, &name("max-file"))?.unwrap_or(Self::COUNT);
        if max_files < 1 {
            return Err(Error::option("max-file cannot be less than 1"));
        }
        let can_compress = max_files > 1 && max_size > 0;
        let compress = match options.get(&name("compress")) {
            None => can_compress,
            Some(_) => truth(options, &name("compress"))?,
        };
        if compress && !can_compress {
            return Err(Error::option(
                "compress cannot be true when max-file is less than 2 or max-size is not set",
            ));
        }
        Ok(Self {
            max_size,
            max_files,
            max_age: age(options)?,
            compress,
            readable: !truth(options, "cache-disabled")? || !driver.forwards(),
        })
    }
}

/// `7d`, or a time as Go writes it.
fn age(options: &Options) -> Result<Option<Duration>, Error> {
    let days = text(options, "max-age")
        .strip_suffix('d')
        .and_then(|days| days.parse::<u64>().ok());
    let age = match days {
        Some(days) => Some(Duration::from_secs(days.saturating_mul(86_400))),
        None => duration(options, "max-age")?,
    };
    if age.is_some_and(|age| age.is_zero()) {
        return Err(Error::option("max-age must be longer than 0"));
    }
    Ok(age)
}
