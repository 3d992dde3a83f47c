//! Syslog: the old form (RFC 3164), the new one (RFC 5424), over datagrams, TCP or TLS (RFC 5425).

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{Manners, Sink, Target, severity};
use crate::address::Address;
use crate::connection::Packets;
use crate::message::Message;
use crate::options::{Options, text};
use crate::{Error, Info};

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
const DAEMON: u8 = 3;
const PORT: u16 = 514;
/// Where the machine's own syslog listens.
const LOCAL: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Without the host's name, as the C library writes.
    Unix,
    Rfc3164,
    Rfc5424,
    /// With the fraction of the second.
    Rfc5424Micro,
}

struct Syslog {
    form: Form,
    facility: u8,
    hostname: String,
    tag: String,
    pid: u32,
    zone: TimeZone,
    /// Messages begin with their length (RFC 5425).
    counted: bool,
}

pub(super) fn target(options: &Options, info: &Info) -> Result<Target, Error> {
    let addresses = addresses(text(options, "syslog-address"))?;
    let form = match text(options, "syslog-format") {
        "" => Form::Unix,
        "rfc3164" => Form::Rfc3164,
        "rfc5424" => Form::Rfc5424,
        "rfc5424micro" => Form::Rfc5424Micro,
        _ => return Err(Error::option("Invalid syslog format")),
    };
    let is_new = matches!(form, Form::Rfc5424 | Form::Rfc5424Micro);
    let sink = Syslog {
        form,
        facility: facility(text(options, "syslog-facility"))?,
        hostname: info.hostname.clone(),
        tag: info.tag(options, "{{.ID}}")?,
        pid: std::process::id(),
        zone: TimeZone::system(),
        counted: is_new && matches!(addresses.first(), Some(Address::Tls(_))),
    };
    Ok(Target {
        sink: Box::new(sink),
        addresses,
        manners: Manners::default(),
    })
}

fn addresses(text: &str) -> Result<Vec<Address>, Error> {
    if text.is_empty() {
        let places = LOCAL.map(|path| {
            [
                Address::UnixDatagram(path.into()),
                Address::Unix(path.into()),
            ]
        });
        return Ok(places.into_iter().flatten().collect());
    }
    let address = Address::parse(text, Some(PORT)).ok_or_else(|| {
        Error::option(format!(
            "syslog-address should be in form proto://address, got {text}"
        ))
    })?;
    Ok(vec![address])
}

fn facility(text: &str) -> Result<u8, Error> {
    if text.is_empty() {
        return Ok(DAEMON);
    }
    let named = FACILITIES.iter().position(|name| *name == text);
    let found = named.map(|n| n as u8).or_else(|| text.parse().ok());
    found
        .filter(|n| usize::from(*n) < FACILITIES.len())
        .ok_or_else(|| Error::option("invalid syslog facility"))
}

impl Syslog {
    fn line(&self, message: &Message<'_>) -> Vec<u8> {
        let priority = self.facility << 3 | severity(message);
        let time = Timestamp::from_nanosecond(i128::from(message.time)).unwrap_or_default();
        let time = time.to_zoned(self.zone.clone());
        let Self {
            hostname, tag, pid, ..
        } = self;
        let head = match self.form {
            Form::Unix => format!("<{priority}>{} {tag}[{pid}]: ", stamp(&time)),
            Form::Rfc3164 => format!("<{priority}>{} {hostname} {tag}[{pid}]: ", stamp(&time)),
            Form::Rfc5424 | Form::Rfc5424Micro => {
                let fraction = if self.form == Form::Rfc5424Micro {
                    "%.6f"
                } else {
                    ""
                };
                let zone = if time.offset().is_zero() { "Z" } else { "%:z" };
                let time = time
                    .strftime(&format!("%Y-%m-%dT%H:%M:%S{fraction}{zone}"))
                    .to_string();
                format!("<{priority}>1 {time} {hostname} {tag} {pid} {tag} - ")
            }
        };
        let mut line = head.into_bytes();
        line.extend_from_slice(message.line);
        line.push(b'\n');
        line
    }
}

/// `Jan  2 03:04:05`.
fn stamp(time: &Zoned) -> String {
    time.strftime("%b %e %H:%M:%S").to_string()
}

impl Sink for Syslog {
    fn push(&mut self, message: &Message<'_>, packets: &mut Packets) {
        let line = self.line(message);
        if self.counted {
            let count = format!("{} ", line.len());
            packets.bytes.extend_from_slice(count.as_bytes());
        }
        packets.bytes.extend_from_slice(&line);
        packets.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_logs::StreamKind;
    use proptest::prelude::*;

    fn syslog(form: Form, counted: bool) -> Syslog {
        Syslog {
            form,
            facility: DAEMON,
            hostname: "host1".to_owned(),
            tag: "tag".to_owned(),
            pid: 42,
            zone: TimeZone::UTC,
            counted,
        }
    }

    fn written(form: Form, counted: bool, line: &[u8]) -> Vec<u8> {
        let mut packets = Packets::default();
        let message = Message {
            stream: StreamKind::Stdout,
            time: 1_767_323_045_678_901_234,
            line,
            piece: None,
        };
        syslog(form, counted).push(&message, &mut packets);
        packets.bytes
    }

    #[test]
    fn the_forms_are_dockers() {
        for (form, counted, expected) in [
            (Form::Unix, false, "<30>Jan  2 03:04:05 tag[42]: hi\n"),
            (
                Form::Rfc3164,
                false,
                "<30>Jan  2 03:04:05 host1 tag[42]: hi\n",
            ),
            (
                Form::Rfc5424,
                false,
                "<30>1 2026-01-02T03:04:05Z host1 tag 42 tag - hi\n",
            ),
            (
                Form::Rfc5424Micro,
                true,
                "56 <30>1 2026-01-02T03:04:05.678901Z host1 tag 42 tag - hi\n",
            ),
        ] {
            let text = String::from_utf8(written(form, counted, b"hi")).unwrap();
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn facilities_have_names_and_numbers() {
        for (text, expected) in [("", 3), ("kern", 0), ("local7", 23), ("5", 5)] {
            assert_eq!(facility(text), Ok(expected));
        }
        for text in ["24", "-1", "nope"] {
            assert!(facility(text).is_err(), "{text}");
        }
    }

    proptest! {
        /// Messages of RFC 5425 can be cut apart again, whatever is in them.
        #[test]
        fn counted_messages_stay_apart(lines: Vec<Vec<u8>>) {
            let bytes: Vec<u8> = lines
                .iter()
                .flat_map(|line| written(Form::Rfc5424, true, line))
                .collect();
            let mut rest = &bytes[..];
            for line in &lines {
                let space = rest.iter().position(|c| *c == b' ').unwrap();
                let count: usize = std::str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
                let message = &rest[space + 1..][..count];
                prop_assert!(message.starts_with(b"<30>1 2026-01-02T03:04:05Z host1 tag 42 tag - "));
                prop_assert!(message.strip_suffix(b"\n").unwrap().ends_with(line));
                rest = &rest[space + 1 + count..];
            }
            prop_assert!(rest.is_empty());
        }
    }
}
