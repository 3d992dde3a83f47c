//! The Fluentd forward protocol, version 1: messages one by one, or, where the server is to
//! confirm them, many at once with a chunk's name.

use std::time::Duration;

use gantry_units::parse_ram;

use super::{Manners, Sink, Target, msgpack};
use crate::address::{Address, Host};
use crate::connection::Packets;
use crate::message::Message;
use crate::options::{Options, duration, number, text, truth};
use crate::{Error, Info};

const PORT: u16 = 24224;

struct Fluentd {
    tag: String,
    /// The record's fields that all messages have, and how many those are.
    fields: Vec<u8>,
    count: usize,
    sub_second: bool,
    /// Entries that the server is to confirm together.
    chunk: Option<Vec<u8>>,
    entries: usize,
}

pub(super) fn target(options: &Options, info: &Info) -> Result<Target, Error> {
    let mut named = info.attributes(options, str::to_owned)?;
    named.insert("container_id".to_owned(), info.id.clone());
    named.insert("container_name".to_owned(), format!("/{}", info.name));
    let mut fields = Vec::new();
    for (name, value) in &named {
        msgpack::push_str(&mut fields, name.as_bytes());
        msgpack::push_str(&mut fields, value.as_bytes());
    }
    let confirmed = truth(options, "fluentd-request-ack")?;
    // Nothing here waits for the server: a container's start is the same either way.
    truth(options, "fluentd-async")?;
    let sink = Fluentd {
        tag: info.tag(options, "{{.ID}}")?,
        fields,
        count: named.len(),
        sub_second: truth(options, "fluentd-sub-second-precision")?,
        chunk: confirmed.then(Vec::new),
        entries: 0,
    };
    let address = address(text(options, "fluentd-address"))?;
    if confirmed && address.is_datagram() {
        return Err(Error::option(
            "fluentd-request-ack needs a fluentd-address of tcp, tls or unix",
        ));
    }
    Ok(Target {
        sink: Box::new(sink),
        addresses: vec![address],
        manners: manners(options)?,
    })
}

fn manners(options: &Options) -> Result<Manners, Error> {
    let lag = match text(options, "fluentd-buffer-limit") {
        "" => None,
        size => {
            let bytes = parse_ram(size).map_err(|e| Error::option(e.to_string()))?;
            Some(u64::try_from(bytes).unwrap_or(0))
        }
    };
    let default = Manners::default();
    let renew = duration(options, "fluentd-async-reconnect-interval")?;
    if renew.is_some_and(|every| every < Duration::from_millis(100)) {
        return Err(Error::option(
            "invalid fluentd-async-reconnect-interval: must be at least 100ms",
        ));
    }
    Ok(Manners {
        wait: duration(options, "fluentd-retry-wait")?.unwrap_or(default.wait),
        retries: number(options, "fluentd-max-retries")?,
        lag,
        patience: duration(options, "fluentd-write-timeout")?.unwrap_or(default.patience),
        answer: duration(options, "fluentd-read-timeout")?.unwrap_or(default.answer),
        renew,
    })
}

fn address(text: &str) -> Result<Address, Error> {
    let invalid = || Error::option(format!("invalid fluentd-address {text}"));
    if text.is_empty() {
        let name = "127.0.0.1".to_owned();
        return Ok(Address::Tcp(Host { name, port: PORT }));
    }
    if text.contains("://") {
        return Address::parse(text, Some(PORT)).ok_or_else(invalid);
    }
    Host::parse(text, Some(PORT))
        .map(Address::Tcp)
        .ok_or_else(invalid)
}

impl Fluentd {
    /// Time and record.
    fn push_entry(&self, out: &mut Vec<u8>, message: &Message<'_>) {
        if self.sub_second {
            msgpack::push_event_time(out, message.time);
        } else {
            msgpack::push_uint(out, message.time / 1_000_000_000);
        }
        let pieces = if message.piece.is_some() { 4 } else { 0 };
        msgpack::push_map(out, self.count + 2 + pieces);
        out.extend_from_slice(&self.fields);
        let mut field = |name: &str, value: &[u8]| {
            msgpack::push_str(out, name.as_bytes());
            msgpack::push_str(out, value);
        };
        field("source", message.stream.name().as_bytes());
        field("log", message.line);
        if let Some(piece) = message.piece {
            field("partial_message", b"true");
            field("partial_id", piece.id.as_bytes());
            field("partial_ordinal", piece.ordinal.to_string().as_bytes());
            field("partial_last", piece.last.to_string().as_bytes());
        }
    }
}

impl Sink for Fluentd {
    fn push(&mut self, message: &Message<'_>, packets: &mut Packets) {
        if let Some(mut chunk) = self.chunk.take() {
            msgpack::push_list(&mut chunk, 2);
            self.push_entry(&mut chunk, message);
            self.chunk = Some(chunk);
            self.entries += 1;
            return;
        }
        let out = &mut packets.bytes;
        msgpack::push_list(out, 4);
        msgpack::push_str(out, self.tag.as_bytes());
        self.push_entry(out, message);
        msgpack::push_map(out, 0);
        packets.end();
    }

    fn finish(&mut self, packets: &mut Packets) -> Option<String> {
        let chunk = self.chunk.as_mut()?;
        let name = crate::message::random_id();
        let out = &mut packets.bytes;
        msgpack::push_list(out, 3);
        msgpack::push_str(out, self.tag.as_bytes());
        msgpack::push_list(out, self.entries);
        out.append(chunk);
        msgpack::push_map(out, 2);
        msgpack::push_str(out, b"size");
        msgpack::push_uint(out, self.entries as u64);
        msgpack::push_str(out, b"chunk");
        msgpack::push_str(out, name.as_bytes());
        packets.end();
        self.entries = 0;
        Some(name)
    }
}
