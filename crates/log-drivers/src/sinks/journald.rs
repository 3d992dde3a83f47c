//! The journal's native protocol: a datagram of fields
//! (systemd.io/JOURNAL_NATIVE_PROTOCOL).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Manners, Sink, Target, severity};
use crate::address::Address;
use crate::connection::Packets;
use crate::message::Message;
use crate::options::Options;
use crate::{Error, Info};

const SOCKET: &str = "/run/systemd/journal/socket";

struct Journal {
    /// The fields that all messages have.
    fields: Vec<u8>,
    /// Distinguishes messages of one time.
    ordinal: u64,
    epoch: String,
}

pub(super) fn target(options: &Options, info: &Info) -> Result<Target, Error> {
    let tag = info.tag(options, "{{.ID}}")?;
    let mut named = info.attributes(options, field_name)?;
    named.remove("");
    let own = [
        ("CONTAINER_ID", info.short_id()),
        ("CONTAINER_ID_FULL", &info.id),
        ("CONTAINER_NAME", &info.name),
        ("CONTAINER_TAG", &tag),
        ("IMAGE_NAME", &info.image_name),
        ("SYSLOG_IDENTIFIER", &tag),
    ];
    let own: BTreeMap<String, String> = own
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let mut fields = Vec::new();
    for (name, value) in own.into_iter().chain(named) {
        push(&mut fields, &name, value.as_bytes());
    }
    let sink = Journal {
        fields,
        ordinal: 0,
        epoch: crate::message::random_id(),
    };
    Ok(Target {
        sink: Box::new(sink),
        addresses: vec![Address::UnixDatagram(SOCKET.into())],
        manners: Manners::default(),
    })
}

impl Sink for Journal {
    fn push(&mut self, message: &Message<'_>, packets: &mut Packets) {
        let out = &mut packets.bytes;
        push(out, "MESSAGE", message.line);
        push(out, "PRIORITY", &[b'0' + severity(message)]);
        let time = Timestamp::from_nanosecond(i128::from(message.time)).unwrap_or_default();
        push(out, "SYSLOG_TIMESTAMP", time.to_string().as_bytes());
        self.ordinal += 1;
        push(out, "CONTAINER_LOG_EPOCH", self.epoch.as_bytes());
        push(
            out,
            "CONTAINER_LOG_ORDINAL",
            self.ordinal.to_string().as_bytes(),
        );
        if let Some(piece) = message.piece {
            if !piece.last {
                push(out, "CONTAINER_PARTIAL_MESSAGE", b"true");
            }
            push(out, "CONTAINER_PARTIAL_ID", piece.id.as_bytes());
            let ordinal = piece.ordinal.to_string();
            push(out, "CONTAINER_PARTIAL_ORDINAL", ordinal.as_bytes());
            let last = piece.last.to_string();
            push(out, "CONTAINER_PARTIAL_LAST", last.as_bytes());
        }
        out.extend_from_slice(&self.fields);
        packets.end();
    }
}

/// A field as text, or with its length if it has lines of its own.
fn push(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Capital letters, digits and underlines, the latter not in front: what the journal takes.
fn field_name(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    name.trim_start_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_logs::StreamKind;

    #[test]
    fn a_message_is_a_datagram_of_fields() {
        let options = Options::from([("labels".to_owned(), "com.example.team".to_owned())]);
        let mut target = target(&options, &Info::example()).unwrap();
        let mut packets = Packets::default();
        let message = Message {
            stream: StreamKind::Stderr,
            time: 1_000_000_001,
            line: b"hi \xFF",
            piece: None,
        };
        target.sink.push(&message, &mut packets);
        let text = String::from_utf8_lossy(&packets.bytes).into_owned();
        for expected in [
            "MESSAGE=hi \u{fffd}\n",
            "PRIORITY=3\n",
            "SYSLOG_TIMESTAMP=1970-01-01T00:00:01.000000001Z\n",
            "CONTAINER_ID=0123456789ab\n",
            "CONTAINER_NAME=web\n",
            "CONTAINER_TAG=0123456789ab\n",
            "IMAGE_NAME=example/web:1\n",
            "COM_EXAMPLE_TEAM=a b\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn names_are_made_fit() {
        assert_eq!(field_name("_a.b-C9é"), "A_B_C9_");
        let mut out = Vec::new();
        push(&mut out, "A", b"x\ny");
        assert_eq!(out, b"A\n\x03\0\0\0\0\0\0\0x\ny\n");
    }
}
