use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A log driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Output is not kept.
    None,
    /// Files of JSON lines.
    JsonFile,
    /// Files of records.
    Local,
    /// The machine's journal.
    Journald,
    /// A syslog server.
    Syslog,
    /// A server of the Fluentd forward protocol.
    Fluentd,
    /// A server of the Graylog Extended Log Format.
    Gelf,
}

impl Driver {
    /// All that an `info` lists, sorted.
    pub const LISTED: [Self; 6] = [
        Self::Fluentd,
        Self::Gelf,
        Self::Journald,
        Self::JsonFile,
        Self::Local,
        Self::Syslog,
    ];

    /// The name that users write.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::JsonFile => "json-file",
            Self::Local => "local",
            Self::Journald => "journald",
            Self::Syslog => "syslog",
            Self::Fluentd => "fluentd",
            Self::Gelf => "gelf",
        }
    }

    /// Whether logs are sent away.
    pub fn forwards(self) -> bool {
        matches!(
            self,
            Self::Journald | Self::Syslog | Self::Fluentd | Self::Gelf
        )
    }

    /// The driver's own options; those of the local copy and of the mode go with every driver.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::None | Self::Journald => &[],
            Self::JsonFile | Self::Local => &["max-size", "max-file", "max-age", "compress"],
            Self::Syslog => &[
                "syslog-address",
                "syslog-facility",
                "syslog-format",
                "syslog-tls-ca-cert",
                "syslog-tls-cert",
                "syslog-tls-key",
                "syslog-tls-skip-verify",
            ],
            Self::Fluentd => &[
                "fluentd-address",
                "fluentd-async",
                "fluentd-async-reconnect-interval",
                "fluentd-buffer-limit",
                "fluentd-max-retries",
                "fluentd-read-timeout",
                "fluentd-request-ack",
                "fluentd-retry-wait",
                "fluentd-sub-second-precision",
                "fluentd-write-timeout",
            ],
            Self::Gelf => &[
                "gelf-address",
                "gelf-compression-level",
                "gelf-compression-type",
                "gelf-tcp-max-reconnect",
                "gelf-tcp-reconnect-delay",
            ],
        }
    }
}

impl FromStr for Driver {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::LISTED
            .into_iter()
            .chain([Self::None])
            .find(|driver| driver.name() == name)
            .ok_or_else(|| Error::NoDriver(name.to_owned()))
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
