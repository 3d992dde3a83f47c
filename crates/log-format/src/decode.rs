//! One line of a log file as the output that it stands for.
//!
//! A small JSON reader of its own: the lines that we (and Docker) write are read in one pass
//! without allocation; other members and spaces are skipped, so foreign writers are understood.

use crate::{StreamKind, parse_time};

/// What a line says, beside its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// The stream it came from.
    pub stream: StreamKind,
    /// When, as Unix time in nanoseconds.
    pub time: u64,
}

/// The line is not one of a log file: cut off, damaged, or something else altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a json-file log")]
pub struct Malformed;

/// Reads one line (with or without its newline) and appends its text to `out`, which is left as
/// it was on failure.
pub fn decode(line: &[u8], out: &mut Vec<u8>) -> Result<Decoded, Malformed> {
    decode_with_attrs(line, out).map(|(decoded, _)| decoded)
}

/// The same; also gives the line's `attrs`, a JSON object for [`pairs`], empty if there are none.
pub fn decode_with_attrs<'a>(
    line: &'a [u8],
    out: &mut Vec<u8>,
) -> Result<(Decoded, &'a [u8]), Malformed> {
    let before = out.len();
    Reader { rest: line }.line(out).ok_or_else(|| {
        out.truncate(before);
        Malformed
    })
}

/// The names and values of `attrs`; what is no object of strings has none.
pub fn pairs(attrs: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    Reader { rest: attrs }.pairs().unwrap_or_default()
}

/// Nesting of values to skip; `attrs` is one level deep.
const DEPTH: usize = 16;

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn line(mut self, out: &mut Vec<u8>) -> Option<(Decoded, &'a [u8])> {
        let (mut stream, mut time) = (None, None);
        let mut attrs: &[u8] = &[];
        let mut seen_log = false;
        self.byte(b'{')?;
        loop {
            let name = self.plain_string()?;
            self.byte(b':')?;
            match name {
                b"log" if !seen_log => {
                    seen_log = true;
                    self.byte(b'"')?;
                    self.text(out)?;
                }
                b"stream" => stream = Some(StreamKind::from_name(self.plain_string()?)?),
                b"time" => time = Some(parse_time(self.plain_string()?)?),
                b"attrs" => {
                    let before = self.rest;
                    self.skip_value(DEPTH)?;
                    attrs = &before[..before.len() - self.rest.len()];
                }
                _ => self.skip_value(DEPTH)?,
            }
            self.spaces();
            match self.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        self.spaces();
        if !self.rest.is_empty() {
            return None;
        }
        let decoded = Decoded {
            stream: stream?,
            time: time?,
        };
        Some((decoded, attrs))
    }

    fn pairs(mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut pairs = Vec::new();
        self.byte(b'{')?;
        loop {
            let (mut name, mut value) = (Vec::new(), Vec::new());
            self.byte(b'"')?;
            self.text(&mut name)?;
            self.byte(b':')?;
            self.byte(b'"')?;
            self.text(&mut value)?;
            pairs.push((name, value));
            self.spaces();
            match self.next()? {
                b',' => {}
                b'}' => return Some(pairs),
                _ => return None,
            }
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn spaces(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        self.spaces();
        (self.next()? == wanted).then_some(())
    }

    /// A string without escapes: names, streams and times never have any.
    fn plain_string(&mut self) -> Option<&'a [u8]> {
        self.byte(b'"')?;
        let end = self.rest.iter().position(|c| matches!(c, b'"' | b'\\'))?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        (self.next()? == b'"').then_some(text)
    }

    /// The rest of a string after its opening quote.
    fn text(&mut self, out: &mut Vec<u8>) -> Option<()> {
        loop {
            let end = memchr::memchr2(b'"', b'\\', self.rest)?;
            let (plain, rest) = self.rest.split_at(end);
            out.extend_from_slice(plain);
            self.rest = rest;
            if self.next()? == b'"' {
                return Some(());
            }
            self.escape(out)?;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let byte = match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let c = self.unicode()?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        };
        out.push(byte);
        Some(())
    }

    /// The digits after `\u`, of a surrogate pair both; half a pair is U+FFFD.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hex4()?;
        if (0xD800..0xDC00).contains(&first) && self.rest.starts_with(br"\u") {
            let mut ahead = Reader {
                rest: &self.rest[2..],
            };
            if let Some(second @ 0xDC00..0xE000) = ahead.hex4() {
                self.rest = ahead.rest;
                return char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00));
            }
        }
        Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        digits.iter().try_fold(0, |value, c| {
            Some(value << 4 | char::from(*c).to_digit(16)?)
        })
    }

    fn skip_value(&mut self, depth: usize) -> Option<()> {
        self.spaces();
        match self.next()? {
            b'"' => self.skip_string(),
            open @ (b'{' | b'[') => self.skip_members(open, depth.checked_sub(1)?),
            b'a'..=b'z' | b'-' | b'0'..=b'9' => {
                let is_scalar = |c: &u8| c.is_ascii_alphanumeric() || b"+-.".contains(c);
                let end = self.rest.iter().position(|c| !is_scalar(c))?;
                self.rest = &self.rest[end..];
                Some(())
            }
            _ => None,
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        loop {
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => {
                    self.next()?;
                }
                _ => {}
            }
        }
    }

    fn skip_members(&mut self, open: u8, depth: usize) -> Option<()> {
        let close = if open == b'{' { b'}' } else { b']' };
        self.spaces();
        if self.rest.first() == Some(&close) {
            self.next()?;
            return Some(());
        }
        loop {
            if open == b'{' {
                self.byte(b'"')?;
                self.skip_string()?;
                self.byte(b':')?;
            }
            self.skip_value(depth)?;
            self.spaces();
            match self.next()? {
                b',' => {}
                c if c == close => return Some(()),
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoder;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<(Decoded, String), Malformed> {
        let mut out = Vec::new();
        decode(line.as_bytes(), &mut out).map(|d| (d, String::from_utf8(out).unwrap()))
    }

    #[test]
    fn dockers_attributes_and_any_order_are_understood() {
        let line = concat!(
            r#" {"time":"1970-01-01T00:00:01Z", "attrs":{"a":"b\"}","c":[1,-2.5e3,null,{}]},"#,
            r#""stream":"stderr","log":"x\t\ud83d\ude00\ud83dy"} "#
        );
        let (decoded, text) = read(line).unwrap();
        assert_eq!(
            decoded,
            Decoded {
                stream: StreamKind::Stderr,
                time: 1_000_000_000
            }
        );
        assert_eq!(text, "x\t😀\u{fffd}y");
    }

    #[test]
    fn attributes_are_found_and_read() {
        let line = concat!(
            r#"{"log":"x\n","stream":"stdout","attrs":{"a":"1 \"","b\u0026":"}"},"#,
            r#""time":"1970-01-01T00:00:01Z"}"#
        );
        let (_, attrs) = decode_with_attrs(line.as_bytes(), &mut Vec::new()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let pairs: Vec<_> = pairs(attrs)
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        assert_eq!(
            pairs,
            [
                ("a".to_owned(), "1 \"".to_owned()),
                ("b&".to_owned(), "}".to_owned())
            ]
        );
        for other in ["", "{}", "[]", r#"{"a":1}"#, r#"{"a":"b""#] {
            assert!(super::pairs(other.as_bytes()).is_empty(), "{other}");
        }
    }

    #[test]
    fn an_empty_text_may_be_missing() {
        let (_, text) = read(r#"{"stream":"stdout","time":"1970-01-01T00:00:00Z"}"#).unwrap();
        assert_eq!(text, "");
    }

    #[test]
    fn damaged_lines_are_refused_and_leave_nothing() {
        let good = r#"{"log":"a\n","stream":"stdout","time":"1970-01-01T00:00:00Z"}"#;
        let mut out = b"before".to_vec();
        for end in 0..good.len() {
            assert_eq!(
                decode(&good.as_bytes()[..end], &mut out),
                Err(Malformed),
                "{end}"
            );
            assert_eq!(out, b"before");
        }
        assert!(decode(good.as_bytes(), &mut out).is_ok());
        assert!(read(&format!("{good}{good}")).is_err());
        assert!(read(&format!(r#"{{"x":{}"#, "[".repeat(100_000))).is_err());
    }

    /// What Go's encoding/json makes of a text, said with serde_json.
    fn oracle(text: &str, stream: StreamKind) -> String {
        let log = serde_json::to_string(text).unwrap();
        let log = log
            .replace("\\t", "\\u0009")
            .replace("\\b", "\\u0008")
            .replace("\\f", "\\u000c")
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
        let stream = stream.name();
        format!("{{\"log\":{log},\"stream\":\"{stream}\",\"time\":\"1970-01-01T00:00:00Z\"}}\n")
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_back(bytes: Vec<u8>, time: u64, err: bool) {
            let stream = if err { StreamKind::Stderr } else { StreamKind::Stdout };
            let (mut line, mut out) = (Vec::new(), Vec::new());
            Encoder::default().encode(&mut line, stream, time, &bytes);
            prop_assert_eq!(decode(&line, &mut out), Ok(Decoded { stream, time }));
            let mut expected = String::new();
            for chunk in bytes.utf8_chunks() {
                expected.push_str(chunk.valid());
                expected.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
            }
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }

        #[test]
        fn the_encoding_is_gos(text in r#"[a\\"tbf/<>&\x00-\x1f\u{2027}-\u{202a}é😀]{1,20}"#) {
            // A backslash before these letters would be mistaken by the oracle's replacing.
            prop_assume!(!text.contains('\\'));
            let mut line = Vec::new();
            Encoder::default().encode(&mut line, StreamKind::Stdout, 0, text.as_bytes());
            let line = String::from_utf8(line).unwrap();
            prop_assert_eq!(line, oracle(&text, StreamKind::Stdout));
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = decode(&bytes, &mut Vec::new());
            let _ = pairs(&bytes);
        }
    }
}
