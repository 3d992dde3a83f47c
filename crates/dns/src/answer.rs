//! From a query's bytes to an answer's.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::Directory;

/// How long an answer may be kept, in seconds: Docker's.
const TTL: u32 = 600;
/// What a UDP answer may take when the asker names no size (RFC 1035, 4.2.1).
const PLAIN_UDP: usize = 512;
/// A header, without which there is nobody to answer to.
const HEADER: usize = 12;

/// What is to be done with a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send this back.
    Reply(Vec<u8>),
    /// Ask others.
    Forward,
    /// It is no query.
    Ignore,
}

/// How the query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Answers a query from the directory, if that knows.
pub(crate) fn answer(
    directory: &dyn Directory,
    asker: &str,
    bytes: &[u8],
    transport: Transport,
) -> Verdict {
    let Ok(query) = Message::from_vec(bytes) else {
        return malformed(bytes);
    };
    if query.message_type() != MessageType::Query {
        return Verdict::Ignore;
    }
    if query.op_code() != OpCode::Query {
        return reply(&query, ResponseCode::NotImp, Vec::new(), transport);
    }
    let [question] = query.queries() else {
        return reply(&query, ResponseCode::FormErr, Vec::new(), transport);
    };
    match records(directory, asker, question) {
        Some(records) => reply(&query, ResponseCode::NoError, records, transport),
        None => Verdict::Forward,
    }
}

/// An answer without records, for a query that nobody could answer.
pub(crate) fn failure(bytes: &[u8], code: ResponseCode) -> Option<Vec<u8>> {
    let query = Message::from_vec(bytes).ok()?;
    match reply(&query, code, Vec::new(), Transport::Tcp) {
        Verdict::Reply(reply) => Some(reply),
        _ => None,
    }
}

/// Another server's answer, cut when it is longer than the asker can take.
pub(crate) fn fitted(query: &[u8], answer: Vec<u8>) -> Option<Vec<u8>> {
    let asked = Message::from_vec(query).ok()?;
    if answer.len() <= limit(&asked) {
        return Some(answer);
    }
    match Message::from_vec(&answer) {
        Ok(whole) => cut(whole),
        Err(_) => failure(query, ResponseCode::ServFail),
    }
}

/// Only the question is left: the asker comes again over TCP.
fn cut(mut message: Message) -> Option<Vec<u8>> {
    message.take_answers();
    message.take_name_servers();
    message.take_additionals();
    message.set_truncated(true);
    message.to_vec().ok()
}

/// The largest UDP answer that the asker takes.
fn limit(query: &Message) -> usize {
    let asked = query.extensions().as_ref();
    asked.map_or(PLAIN_UDP, |edns| {
        usize::from(edns.max_payload()).max(PLAIN_UDP)
    })
}

fn malformed(bytes: &[u8]) -> Verdict {
    // The third byte's highest bit says that it is an answer: never answer those.
    let (Some(id), Some(0..=0x7f)) = (bytes.first_chunk::<2>(), bytes.get(2)) else {
        return Verdict::Ignore;
    };
    if bytes.len() < HEADER {
        return Verdict::Ignore;
    }
    let mut message = Message::new();
    message
        .set_id(u16::from_be_bytes(*id))
        .set_message_type(MessageType::Response)
        .set_response_code(ResponseCode::FormErr);
    message.to_vec().map_or(Verdict::Ignore, Verdict::Reply)
}

fn records(directory: &dyn Directory, asker: &str, question: &Query) -> Option<Vec<Record>> {
    let name = question.name();
    if question.query_class() != DNSClass::IN {
        return None;
    }
    if question.query_type() == RecordType::PTR {
        let address = name.parse_arpa_name().ok()?.addr();
        let found = Name::from_utf8(directory.name_of(asker, address)? + ".").ok()?;
        return Some(vec![record(name, RData::PTR(PTR(found)))]);
    }
    let plain = name.to_ascii().to_ascii_lowercase();
    let addresses = directory.addresses(asker, plain.trim_end_matches('.'))?;
    let data = addresses
        .into_iter()
        .filter_map(|address| match (address, question.query_type()) {
            (IpAddr::V4(v4), RecordType::A | RecordType::ANY) => Some(RData::A(A(v4))),
            (IpAddr::V6(v6), RecordType::AAAA | RecordType::ANY) => Some(RData::AAAA(AAAA(v6))),
            _ => None,
        });
    let mut records: Vec<Record> = data.map(|data| record(name, data)).collect();
    rotate(&mut records);
    Some(records)
}

fn record(name: &Name, data: RData) -> Record {
    Record::from_rdata(name.clone(), TTL, data)
}

/// Each answer starts with another address.
fn rotate(records: &mut [Record]) {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    if records.len() > 1 {
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        records.rotate_left(turn % records.len());
    }
}

fn reply(
    query: &Message,
    code: ResponseCode,
    records: Vec<Record>,
    transport: Transport,
) -> Verdict {
    let mut header = Header::response_from_request(query.header());
    header.set_recursion_available(true).set_response_code(code);
    let mut message = Message::new();
    message.set_header(header);
    message.add_queries(query.queries().iter().cloned());
    if let Some(asked) = query.extensions() {
        let mut edns = Edns::new();
        edns.set_max_payload(asked.max_payload().max(PLAIN_UDP as u16));
        edns.set_dnssec_ok(asked.flags().dnssec_ok);
        message.set_edns(edns);
    }
    message.add_answers(records);
    let Ok(bytes) = message.to_vec() else {
        return Verdict::Ignore;
    };
    if transport == Transport::Tcp || bytes.len() <= limit(query) {
        return Verdict::Reply(bytes);
    }
    cut(message).map_or(Verdict::Ignore, Verdict::Reply)
}
