//! One piece of output as one line of a log file.

use crate::StreamKind;
use crate::timestamp::{Fraction, date_and_second, push_fraction};

/// Writes lines; keeps the text of the last second, which most lines share.
#[derive(Debug)]
pub struct Encoder {
    second: u64,
    text: [u8; 19],
    /// `,"attrs":{...}`, or nothing.
    attrs: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            second: 0,
            text: date_and_second(0),
            attrs: Vec::new(),
        }
    }
}

impl Encoder {
    /// Gives every line these attributes, in this order.
    pub fn with_attrs(attrs: &[(String, String)]) -> Self {
        let mut encoder = Self::default();
        for (name, value) in attrs {
            let opening: &[u8] = if encoder.attrs.is_empty() {
                br#","attrs":{""#
            } else {
                br#",""#
            };
            encoder.attrs.extend_from_slice(opening);
            push_text(&mut encoder.attrs, name.as_bytes());
            encoder.attrs.extend_from_slice(br#"":""#);
            push_text(&mut encoder.attrs, value.as_bytes());
            encoder.attrs.push(b'"');
        }
        if !encoder.attrs.is_empty() {
            encoder.attrs.push(b'}');
        }
        encoder
    }

    /// Appends the line of `log`, which is one line of output with its newline, or a piece of one.
    pub fn encode(&mut self, out: &mut Vec<u8>, stream: StreamKind, time: u64, log: &[u8]) {
        // At once what nearly every line needs.
        out.reserve(log.len() + self.attrs.len() + 96);
        out.extend_from_slice(b"{");
        // An empty text is left out, as Go's `omitempty` does.
        if !log.is_empty() {
            out.extend_from_slice(br#""log":""#);
            push_text(out, log);
            out.extend_from_slice(br#"","#);
        }
        out.extend_from_slice(match stream {
            StreamKind::Stdout => br#""stream":"stdout""#,
            StreamKind::Stderr => br#""stream":"stderr""#,
        });
        out.extend_from_slice(&self.attrs);
        out.extend_from_slice(br#","time":""#);
        self.push_time(out, time);
        out.extend_from_slice(b"\"}\n");
    }

    fn push_time(&mut self, out: &mut Vec<u8>, time: u64) {
        let (second, nanos) = (time / 1_000_000_000, (time % 1_000_000_000) as u32);
        if second != self.second {
            self.second = second;
            self.text = date_and_second(second);
        }
        out.extend_from_slice(&self.text);
        push_fraction(out, nanos, Fraction::Shortest);
        out.push(b'Z');
    }
}

/// Appends bytes as the inside of a JSON string with the escapes that Docker uses.
fn push_text(out: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        push_valid(out, text.as_bytes());
        return;
    }
    for chunk in bytes.utf8_chunks() {
        push_valid(out, chunk.valid().as_bytes());
        // One replacement per byte, not per broken sequence: so Go decodes.
        for _ in chunk.invalid() {
            out.extend_from_slice(br"\ufffd");
        }
    }
}

fn push_valid(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = find_special(text) {
        out.extend_from_slice(&text[..at]);
        let taken = push_special(out, &text[at..]);
        text = &text[at + taken..];
    }
    out.extend_from_slice(text);
}

/// Where the first byte is that may have to be escaped.
fn find_special(text: &[u8]) -> Option<usize> {
    let (blocks, rest) = text.as_chunks::<16>();
    // All 16 at once and without a branch: the compiler makes a few vector instructions of it.
    let has_special = |block: &[u8; 16]| block.iter().fold(false, |any, c| any | is_special(*c));
    let plain = blocks
        .iter()
        .take_while(|block| !has_special(block))
        .count()
        * 16;
    let rest = if plain == blocks.len() * 16 {
        rest
    } else {
        &text[plain..]
    };
    rest.iter()
        .position(|c| is_special(*c))
        .map(|at| plain + at)
}

/// Whether a byte may have to be escaped; 0xE2 may begin U+2028 or U+2029.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "branches would undo the vector instructions"
)]
fn is_special(c: u8) -> bool {
    (c < 0x20) | (c == b'"') | (c == b'\\') | (c == b'<') | (c == b'>') | (c == b'&') | (c == 0xE2)
}

/// Appends the special character that `text` begins with; says how many bytes it took.
fn push_special(out: &mut Vec<u8>, text: &[u8]) -> usize {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    match text {
        [0xE2, 0x80, 0xA8, ..] => out.extend_from_slice(br"\u2028"),
        [0xE2, 0x80, 0xA9, ..] => out.extend_from_slice(br"\u2029"),
        [0xE2, ..] => {
            out.push(0xE2);
            return 1;
        }
        [b'\n', ..] => out.extend_from_slice(br"\n"),
        [b'\r', ..] => out.extend_from_slice(br"\r"),
        [byte @ (b'"' | b'\\'), ..] => out.extend_from_slice(&[b'\\', *byte]),
        [byte, ..] => {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', DIGITS[high], DIGITS[low]]);
        }
        [] => return 0,
    }
    if text[0] == 0xE2 { 3 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(log: &[u8]) -> String {
        let mut out = Vec::new();
        let time = 1_767_323_045_678_000_000;
        Encoder::default().encode(&mut out, StreamKind::Stdout, time, log);
        String::from_utf8(out).unwrap()
    }

    fn text(log: &[u8]) -> String {
        let line = line(log);
        let rest = line.strip_prefix(r#"{"log":""#).unwrap();
        rest.split_once(r#"","stream""#).unwrap().0.to_owned()
    }

    #[test]
    fn a_line_is_as_docker_writes_it() {
        assert_eq!(
            line(b"hello\n"),
            "{\"log\":\"hello\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.678Z\"}\n"
        );
    }

    #[test]
    fn attributes_stand_between_stream_and_time() {
        let attrs = [("a", "x\""), ("b", "<")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let mut out = Vec::new();
        Encoder::with_attrs(&attrs).encode(&mut out, StreamKind::Stderr, 0, b"");
        let expected = concat!(
            r#"{"stream":"stderr","attrs":{"a":"x\"","b":"\u003c"},"#,
            r#""time":"1970-01-01T00:00:00Z"}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn escapes_are_as_docker_writes_them() {
        assert_eq!(
            text(b"<a href=\"x\">&\\\r\n"),
            r#"\u003ca href=\"x\"\u003e\u0026\\\r\n"#
        );
        assert_eq!(text(b"\t\x00\x1b[0m\x7f"), "\\u0009\\u0000\\u001b[0m\u{7f}");
        assert_eq!(text("é€\u{2028}\u{2029}😀".as_bytes()), r"é€\u2028\u2029😀");
    }

    #[test]
    fn every_byte_that_is_not_utf8_is_replaced() {
        assert_eq!(text(b"a\xffb"), r"a\ufffdb");
        assert_eq!(text(b"\xe2\x82A"), r"\ufffd\ufffdA");
        assert_eq!(text(b"\xed\xa0\x80"), r"\ufffd\ufffd\ufffd");
        assert_eq!(text(b"\xf0\x9f\x98"), r"\ufffd\ufffd\ufffd");
    }
}
