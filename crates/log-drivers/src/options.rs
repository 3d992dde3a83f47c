//! What options may say, all checked when a container is made.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use gantry_units::{GoDuration, parse_ram};

use crate::{Driver, Error, Files, Info, sinks};

/// Options by name.
pub(crate) type Options = BTreeMap<String, String>;

/// Options that every driver has besides its own.
const COMMON: [&str; 11] = [
    "mode",
    "max-buffer-size",
    "cache-disabled",
    "cache-max-size",
    "cache-max-file",
    "cache-compress",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "tag",
];

/// Refuses options that the driver does not know or that make no sense for this container.
pub fn check(driver: Driver, options: &Options, info: &Info) -> Result<(), Error> {
    // As in Docker, nobody looks at the options of none.
    if driver == Driver::None {
        return Ok(());
    }
    for option in options.keys() {
        let known = [&COMMON[..], driver.options()].concat();
        if !known.contains(&option.as_str()) {
            return Err(Error::UnknownOption {
                option: option.clone(),
                driver: driver.name(),
            });
        }
    }
    lag_limit(options)?;
    Files::of(driver, options)?;
    info.attributes(options, str::to_owned)?;
    info.tag(options, "")?;
    sinks::check(driver, options, info)
}

/// How many bytes a collector may be behind before the oldest are given up; `None` is no limit but
/// the files' own.
pub(crate) fn lag_limit(options: &Options) -> Result<Option<u64>, Error> {
    let non_blocking = match text(options, "mode") {
        "" | "blocking" => false,
        "non-blocking" => true,
        other => {
            return Err(Error::option(format!(
                "logger: logging mode not supported: {other}"
            )));
        }
    };
    let Some(size) = options.get("max-buffer-size") else {
        return Ok(non_blocking.then_some(1024 * 1024));
    };
    if !non_blocking {
        return Err(Error::option(
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ));
    }
    let bytes = parse_ram(size)
        .map_err(|e| Error::option(format!("error parsing option max-buffer-size: {e}")))?;
    Ok(Some(u64::try_from(bytes).unwrap_or(0)))
}

pub(crate) fn text<'a>(options: &'a Options, name: &str) -> &'a str {
    options.get(name).map_or("", String::as_str)
}

/// Go's `strconv.ParseBool`; missing or empty is no.
pub(crate) fn truth(options: &Options, name: &str) -> Result<bool, Error> {
    match text(options, name) {
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        other => Err(Error::option(format!(
            "strconv.ParseBool: parsing \"{other}\": invalid syntax"
        ))),
    }
}

/// A whole number, if there is one.
pub(crate) fn number<T: FromStr>(options: &Options, name: &str) -> Result<Option<T>, Error> {
    match text(options, name) {
        "" => Ok(None),
        digits => digits
            .parse()
            .map(Some)
            .map_err(|_| Error::option(format!("invalid value for {name}: {digits}"))),
    }
}

/// A time as Go writes it (`1m30s`), if there is one.
pub(crate) fn duration(options: &Options, name: &str) -> Result<Option<Duration>, Error> {
    let text = text(options, name);
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = || Error::option(format!("invalid duration for {name}: {text}"));
    let parsed: GoDuration = text.parse().map_err(|_| invalid())?;
    let nanos = u64::try_from(parsed.nanos()).map_err(|_| invalid())?;
    Ok(Some(Duration::from_nanos(nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(driver: &str, options: &[(&str, &str)]) -> String {
        let options = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let checked = driver
            .parse()
            .and_then(|driver| check(driver, &options, &Info::example()));
        checked.map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn refusals_are_dockers() {
        for (driver, options, expected) in [
            (
                "json-file",
                &[("max-sise", "1m")][..],
                "unknown log opt 'max-sise' for json-file log driver",
            ),
            (
                "awslogs",
                &[],
                "logger: no log driver named 'awslogs' is registered",
            ),
            (
                "local",
                &[("mode", "fast")],
                "logger: logging mode not supported: fast",
            ),
            (
                "local",
                &[("max-buffer-size", "1m")],
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
            ),
            (
                "json-file",
                &[("compress", "true"), ("max-file", "1")],
                "compress cannot be true when max-file is less than 2 or max-size is not set",
            ),
            (
                "json-file",
                &[("max-file", "0")],
                "max-file cannot be less than 1",
            ),
            ("json-file", &[("max-size", "abc")], "invalid size: 'abc'"),
            ("gelf", &[], "gelf-address is a required parameter"),
            (
                "gelf",
                &[("gelf-address", "unix:///x")],
                "gelf: endpoint needs to be TCP or UDP",
            ),
            (
                "gelf",
                &[
                    ("gelf-address", "tcp://h:1"),
                    ("gelf-compression-type", "gzip"),
                ],
                "compression is only supported on UDP",
            ),
            (
                "gelf",
                &[
                    ("gelf-address", "udp://h:1"),
                    ("gelf-compression-level", "10"),
                ],
                "unknown value \"10\" for log opt \"gelf-compression-level\" for gelf log driver",
            ),
            (
                "syslog",
                &[("syslog-address", "here")],
                "syslog-address should be in form proto://address, got here",
            ),
            (
                "syslog",
                &[("syslog-facility", "99")],
                "invalid syslog facility",
            ),
            (
                "syslog",
                &[("syslog-format", "rfc1")],
                "Invalid syslog format",
            ),
            (
                "fluentd",
                &[("fluentd-async", "perhaps")],
                "strconv.ParseBool: parsing \"perhaps\": invalid syntax",
            ),
        ] {
            assert_eq!(refused(driver, options), expected, "{driver} {options:?}");
        }
    }

    #[test]
    fn good_options_are_accepted() {
        for (driver, options) in [
            ("none", &[("whatever", "1")][..]),
            (
                "json-file",
                &[("max-size", "10m"), ("max-file", "3"), ("max-age", "7d")],
            ),
            (
                "json-file",
                &[("labels", "a,b"), ("env-regex", "^X"), ("tag", "{{.Name}}")],
            ),
            (
                "local",
                &[("mode", "non-blocking"), ("max-buffer-size", "4m")],
            ),
            ("journald", &[("tag", "{{.ImageName}}/{{.ID}}")]),
            (
                "syslog",
                &[
                    ("syslog-address", "udp://1.2.3.4:1111"),
                    ("syslog-facility", "local7"),
                    ("syslog-format", "rfc5424micro"),
                ],
            ),
            ("syslog", &[("syslog-address", "unixgram:///dev/log")]),
            (
                "fluentd",
                &[("fluentd-address", "h"), ("fluentd-request-ack", "true")],
            ),
            (
                "fluentd",
                &[
                    ("fluentd-address", "unix:///x"),
                    ("fluentd-buffer-limit", "8m"),
                ],
            ),
            (
                "gelf",
                &[
                    ("gelf-address", "udp://h:12201"),
                    ("gelf-compression-level", "-1"),
                ],
            ),
            (
                "gelf",
                &[
                    ("gelf-address", "tcp://[::1]:12201"),
                    ("cache-disabled", "true"),
                ],
            ),
        ] {
            assert_eq!(refused(driver, options), "", "{driver} {options:?}");
        }
    }
}
