//! The Graylog Extended Log Format 1.1: datagrams, compressed and in chunks, or TCP with a zero
//! byte behind each message.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Map, Value};

use super::{Manners, Sink, Target, severity};
use crate::address::Address;
use crate::connection::Packets;
use crate::message::Message;
use crate::options::{Options, number, text};
use crate::{Error, Info};

/// What a datagram may hold, so that it crosses any network in one piece.
const DATAGRAM: usize = 1420;
/// Magic, message ID, number of the chunk, how many there are.
const CHUNK_HEAD: usize = 12;
/// The specification's limit.
const CHUNKS: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zlib,
    None,
}

struct Gelf {
    hostname: String,
    extra: Map<String, Value>,
    packing: Packing,
    level: Compression,
    datagrams: bool,
}

pub(super) fn target(options: &Options, info: &Info) -> Result<Target, Error> {
    let address = address(text(options, "gelf-address"))?;
    let datagrams = address.is_datagram();
    check_kind(options, datagrams)?;
    let tag = info.tag(options, "{{.ID}}")?;
    let mut extra: Map<String, Value> = [
        ("_command", &info.command),
        ("_container_id", &info.id),
        ("_container_name", &info.name),
        ("_created", &info.created),
        ("_image_id", &info.image_id),
        ("_image_name", &info.image_name),
        ("_tag", &tag),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_str().into()))
    .into_iter()
    .collect();
    let named = info.attributes(options, |name| {
        if name.starts_with('_') {
            name.to_owned()
        } else {
            format!("_{name}")
        }
    })?;
    extra.extend(named.into_iter().map(|(name, value)| (name, value.into())));
    let sink = Gelf {
        hostname: info.hostname.clone(),
        extra,
        packing: packing(options)?,
        level: level(options)?,
        datagrams,
    };
    let default = Manners::default();
    let delay = number::<u64>(options, "gelf-tcp-reconnect-delay")?;
    Ok(Target {
        sink: Box::new(sink),
        addresses: vec![address],
        manners: Manners {
            wait: delay.map_or(default.wait, Duration::from_secs),
            retries: number(options, "gelf-tcp-max-reconnect")?,
            ..default
        },
    })
}

fn address(text: &str) -> Result<Address, Error> {
    if text.is_empty() {
        return Err(Error::option("gelf-address is a required parameter"));
    }
    let Some((scheme, _)) = text.split_once("://") else {
        return Err(Error::option(format!(
            "gelf-address should be in form proto://address, got {text}"
        )));
    };
    if !matches!(scheme, "tcp" | "udp") {
        return Err(Error::option("gelf: endpoint needs to be TCP or UDP"));
    }
    Address::parse(text, None)
        .ok_or_else(|| Error::option("gelf: please provide gelf-address as proto://host:port"))
}

/// Some options are for one of the protocols.
fn check_kind(options: &Options, datagrams: bool) -> Result<(), Error> {
    for name in ["gelf-compression-level", "gelf-compression-type"] {
        if options.contains_key(name) && !datagrams {
            return Err(Error::option("compression is only supported on UDP"));
        }
    }
    for name in ["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"] {
        if !options.contains_key(name) {
            continue;
        }
        if datagrams {
            return Err(Error::option(format!("\"{name}\" is only valid for TCP")));
        }
        if text(options, name).parse::<u32>().is_err() {
            let message = format!("\"{name}\" must be a positive integer");
            return Err(Error::option(message));
        }
    }
    Ok(())
}

fn unknown(name: &str, value: &str) -> Error {
    Error::option(format!(
        "unknown value \"{value}\" for log opt \"{name}\" for gelf log driver"
    ))
}

fn packing(options: &Options) -> Result<Packing, Error> {
    let name = "gelf-compression-type";
    match options.get(name).map(String::as_str) {
        None | Some("gzip") => Ok(Packing::Gzip),
        Some("zlib") => Ok(Packing::Zlib),
        Some("none") => Ok(Packing::None),
        Some(other) => Err(unknown(name, other)),
    }
}

fn level(options: &Options) -> Result<Compression, Error> {
    let name = "gelf-compression-level";
    let Some(text) = options.get(name) else {
        return Ok(Compression::fast());
    };
    match text.parse() {
        Ok(-1) => Ok(Compression::default()),
        Ok(level @ 0..=9) => Ok(Compression::new(level.unsigned_abs())),
        Ok(_) | Err::<i32, _>(_) => Err(unknown(name, text)),
    }
}

impl Gelf {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of this age fit well"
    )]
    fn json(&self, message: &Message<'_>) -> Vec<u8> {
        let mut fields = Map::new();
        fields.insert("version".to_owned(), "1.1".into());
        fields.insert("host".to_owned(), self.hostname.as_str().into());
        let text = String::from_utf8_lossy(message.line);
        fields.insert("short_message".to_owned(), text.into());
        let seconds = (message.time / 1_000_000) as f64 / 1000.0;
        fields.insert("timestamp".to_owned(), seconds.into());
        fields.insert("level".to_owned(), severity(message).into());
        fields.extend(self.extra.clone());
        Value::Object(fields).to_string().into_bytes()
    }

    fn packed(&self, json: Vec<u8>) -> Vec<u8> {
        let packed = match self.packing {
            Packing::None => return json,
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), self.level);
                encoder.write_all(&json).and_then(|()| encoder.finish())
            }
            Packing::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), self.level);
                encoder.write_all(&json).and_then(|()| encoder.finish())
            }
        };
        // Compressing into memory does not fail.
        packed.unwrap_or(json)
    }
}

impl Sink for Gelf {
    fn push(&mut self, message: &Message<'_>, packets: &mut Packets) {
        // The specification wants a text.
        if message.line.is_empty() {
            return;
        }
        let json = self.json(message);
        if !self.datagrams {
            packets.bytes.extend_from_slice(&json);
            packets.bytes.push(0);
            packets.end();
            return;
        }
        let packed = self.packed(json);
        if packed.len() <= DATAGRAM {
            packets.bytes.extend_from_slice(&packed);
            packets.end();
            return;
        }
        push_chunks(&packed, packets);
    }
}

fn push_chunks(packed: &[u8], packets: &mut Packets) {
    let chunks = packed.chunks(DATAGRAM - CHUNK_HEAD);
    let count = chunks.len();
    if count > CHUNKS {
        tracing::warn!(
            "a log message of {} bytes is too long for GELF over UDP and is left out",
            packed.len()
        );
        return;
    }
    let mut id = [0; 8];
    // Without randomness two messages may be mixed up; there is nothing better.
    let _ = getrandom::fill(&mut id);
    for (n, chunk) in chunks.enumerate() {
        packets.bytes.extend_from_slice(&[0x1E, 0x0F]);
        packets.bytes.extend_from_slice(&id);
        packets.bytes.extend_from_slice(&[n as u8, count as u8]);
        packets.bytes.extend_from_slice(chunk);
        packets.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_logs::StreamKind;

    fn sent(options: &[(&str, &str)], line: &[u8]) -> Vec<Vec<u8>> {
        let options = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let mut target = target(&options, &Info::example()).unwrap();
        let message = Message {
            stream: StreamKind::Stdout,
            time: 1_767_323_045_678_901_234,
            line,
            piece: None,
        };
        let mut packets = Packets::default();
        target.sink.push(&message, &mut packets);
        packets.iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_message_is_json() {
        let udp = ("gelf-address", "udp://h:1");
        let sent = sent(
            &[udp, ("gelf-compression-type", "none"), ("env", "STAGE")],
            b"hi",
        );
        let json: Value = serde_json::from_slice(&sent[0]).unwrap();
        let expected = serde_json::json!({
            "version": "1.1", "host": "host1", "short_message": "hi",
            "timestamp": 1_767_323_045.678, "level": 6,
            "_command": "/bin/serve -p 80", "_container_id": Info::example().id,
            "_container_name": "web", "_created": "2026-01-02T03:04:05.678Z",
            "_image_id": Info::example().image_id, "_image_name": "example/web:1",
            "_tag": "0123456789ab", "_STAGE": "prod",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn tcp_messages_end_with_a_zero_byte() {
        let sent = sent(&[("gelf-address", "tcp://h:1")], b"hi");
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].last(), Some(&0));
    }

    #[test]
    fn long_messages_come_in_chunks() {
        let udp = ("gelf-address", "udp://h:1");
        let sent = sent(&[udp, ("gelf-compression-type", "none")], &[b'x'; 5000]);
        assert!(sent.len() > 3);
        let mut json = Vec::new();
        for (n, chunk) in sent.iter().enumerate() {
            assert!(chunk.len() <= DATAGRAM);
            assert_eq!(chunk[..2], [0x1E, 0x0F]);
            assert_eq!(chunk[2..10], sent[0][2..10]);
            assert_eq!(chunk[10..12], [n as u8, sent.len() as u8]);
            json.extend_from_slice(&chunk[12..]);
        }
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["short_message"].as_str().unwrap().len(), 5000);
    }
}
