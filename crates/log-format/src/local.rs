//! The records of Docker's local driver: a length, a protocol buffer, the length again.
//!
//! Both lengths are of 32 bits in big endian, so that a file can be walked in both directions. The
//! message is Docker's `LogEntry`: source (1), time in nanoseconds (2), the line without its
//! newline (3), whether the line goes on in the next record (4), attributes (6).

use crate::{Decoded, Malformed, StreamKind};

/// Bytes of the lengths around a record's message.
pub const LENGTHS: usize = 8;

/// The longest message that is taken for one: a piece of a line and generous attributes.
const LONGEST: usize = 2 * 1024 * 1024;

/// Writes records.
#[derive(Debug, Default)]
pub struct RecordEncoder {
    /// The attributes' fields, ready to be copied.
    attrs: Vec<u8>,
}

impl RecordEncoder {
    /// Gives every record these attributes, in this order.
    pub fn with_attrs(attrs: &[(String, String)]) -> Self {
        let mut fields = Vec::new();
        for (name, value) in attrs {
            let mut pair = Vec::new();
            push_bytes(&mut pair, 1, name.as_bytes());
            push_bytes(&mut pair, 2, value.as_bytes());
            push_bytes(&mut fields, 6, &pair);
        }
        Self { attrs: fields }
    }

    /// Appends the record of one line of output with its newline, or of a piece of one.
    pub fn encode(&self, out: &mut Vec<u8>, stream: StreamKind, time: u64, log: &[u8]) {
        out.reserve(log.len() + self.attrs.len() + 48);
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        push_bytes(out, 1, stream.name().as_bytes());
        out.push(2 << 3);
        push_varint(out, time);
        let (line, partial) = match log.split_last() {
            Some((b'\n', line)) => (line, false),
            _ => (log, true),
        };
        if !line.is_empty() {
            push_bytes(out, 3, line);
        }
        if partial {
            out.extend_from_slice(&[4 << 3, 1]);
        }
        out.extend_from_slice(&self.attrs);
        let length = ((out.len() - start - 4) as u32).to_be_bytes();
        out[start..start + 4].copy_from_slice(&length);
        out.extend_from_slice(&length);
    }
}

fn push_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What begins some bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole record: its message, and how many bytes it takes with its lengths.
    Whole(&'a [u8], usize),
    /// The beginning of a record, perhaps.
    Cut,
    /// No record.
    Damaged,
}

/// Looks at the record that begins `bytes`.
pub fn frame(bytes: &[u8]) -> Frame<'_> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Frame::Cut;
    };
    let size = u32::from_be_bytes(*length) as usize;
    if size == 0 || size > LONGEST {
        return Frame::Damaged;
    }
    match rest.get(size..size + 4) {
        None => Frame::Cut,
        Some(again) if again == length => Frame::Whole(&rest[..size], size + LENGTHS),
        Some(_) => Frame::Damaged,
    }
}

/// Bytes of the whole records that `bytes` begins with, and how many those are.
pub fn whole(bytes: &[u8]) -> (usize, u64) {
    let (mut length, mut count) = (0, 0);
    while let Frame::Whole(_, size) = frame(&bytes[length..]) {
        length += size;
        count += 1;
    }
    (length, count)
}

/// Where the next record begins behind some damage.
pub fn resume(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|at| {
        matches!(frame(&bytes[*at..]), Frame::Whole(message, _)
            if fields(message).is_some_and(|f| f.stream.is_some() && f.time.is_some()))
    })
}

/// Reads a record's message and appends its line to `out`, with the newline that it had.
pub fn decode(message: &[u8], out: &mut Vec<u8>) -> Result<Decoded, Malformed> {
    let fields = fields(message).ok_or(Malformed)?;
    let decoded = Decoded {
        stream: fields.stream.ok_or(Malformed)?,
        time: fields.time.ok_or(Malformed)?,
    };
    out.extend_from_slice(fields.line);
    if !fields.partial {
        out.push(b'\n');
    }
    Ok(decoded)
}

/// The attributes of a record's message.
pub fn pairs(message: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let _ = walk(message, |field, value| {
        if let (6, Value::Bytes(pair)) = (field, value) {
            let (mut name, mut text) = (Vec::new(), Vec::new());
            let _ = walk(pair, |field, value| match (field, value) {
                (1, Value::Bytes(bytes)) => name = bytes.to_vec(),
                (2, Value::Bytes(bytes)) => text = bytes.to_vec(),
                _ => {}
            });
            found.push((name, text));
        }
    });
    found
}

#[derive(Default)]
struct Fields<'a> {
    stream: Option<StreamKind>,
    time: Option<u64>,
    line: &'a [u8],
    partial: bool,
}

fn fields(message: &[u8]) -> Option<Fields<'_>> {
    let mut fields = Fields::default();
    walk(message, |field, value| match (field, value) {
        (1, Value::Bytes(name)) => fields.stream = StreamKind::from_name(name),
        (2, Value::Number(time)) => fields.time = Some(time),
        (3, Value::Bytes(line)) => fields.line = line,
        (4, Value::Number(partial)) => fields.partial = partial != 0,
        _ => {}
    })?;
    Some(fields)
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Goes through a message's fields; `None` when it is none.
fn walk<'a>(mut rest: &'a [u8], mut each: impl FnMut(u64, Value<'a>)) -> Option<()> {
    while !rest.is_empty() {
        let key = take_varint(&mut rest)?;
        match key & 7 {
            0 => each(key >> 3, Value::Number(take_varint(&mut rest)?)),
            2 => {
                let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                let (bytes, behind) = rest.split_at_checked(length)?;
                each(key >> 3, Value::Bytes(bytes));
                rest = behind;
            }
            1 => rest = rest.get(8..)?,
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(())
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(time: u64, log: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        RecordEncoder::default().encode(&mut out, StreamKind::Stdout, time, log);
        out
    }

    #[test]
    fn a_record_is_as_dockers_local_driver_writes_it() {
        let mut expected = vec![0, 0, 0, 14, 0x0A, 6];
        expected.extend_from_slice(b"stdout");
        expected.extend_from_slice(&[0x10, 5, 0x1A, 2, b'h', b'i', 0, 0, 0, 14]);
        assert_eq!(record(5, b"hi\n"), expected);
    }

    #[test]
    fn attributes_come_back() {
        let attrs = [
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), String::new()),
        ];
        let mut out = Vec::new();
        RecordEncoder::with_attrs(&attrs).encode(&mut out, StreamKind::Stderr, 1, b"x");
        let Frame::Whole(message, _) = frame(&out) else {
            panic!("no record");
        };
        let expected = vec![(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), Vec::new())];
        assert_eq!(pairs(message), expected);
    }

    #[test]
    fn reading_goes_on_behind_damage() {
        let mut bytes = b"\xff\xff garbage".to_vec();
        let good = record(7, b"good\n");
        let at = bytes.len();
        bytes.extend_from_slice(&good);
        assert_eq!(frame(&bytes), Frame::Damaged);
        assert_eq!(resume(&bytes), Some(at));
        assert_eq!(whole(&bytes[at..]), (good.len(), 1));
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(log: Vec<u8>, time: u64, err: bool) {
            let stream = if err { StreamKind::Stderr } else { StreamKind::Stdout };
            let (mut bytes, mut out) = (Vec::new(), Vec::new());
            RecordEncoder::default().encode(&mut bytes, stream, time, &log);
            let Frame::Whole(message, size) = frame(&bytes) else {
                panic!("no record");
            };
            prop_assert_eq!(size, bytes.len());
            prop_assert_eq!(decode(message, &mut out), Ok(Decoded { stream, time }));
            prop_assert_eq!(out, log);
            for end in 0..bytes.len() {
                prop_assert_eq!(frame(&bytes[..end]), Frame::Cut);
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = frame(&bytes);
            let _ = whole(&bytes);
            let _ = resume(&bytes);
            let _ = pairs(&bytes);
            let before = b"x".to_vec();
            let mut out = before.clone();
            if decode(&bytes, &mut out).is_err() {
                prop_assert_eq!(out, before);
            }
        }
    }
}
