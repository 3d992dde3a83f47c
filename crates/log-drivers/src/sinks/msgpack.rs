//! As much of MessagePack as the forward protocol needs.

/// Appends a string; bytes that are no UTF-8 go as they are, as Go sends them.
pub(crate) fn push_str(out: &mut Vec<u8>, text: &[u8]) {
    let length = text.len();
    match length {
        0..32 => out.push(0xA0 | length as u8),
        32..0x100 => out.extend_from_slice(&[0xD9, length as u8]),
        0x100..0x1_0000 => {
            out.push(0xDA);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(0xDB);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

/// Appends a whole number.
pub(crate) fn push_uint(out: &mut Vec<u8>, number: u64) {
    match number {
        0..0x80 => out.push(number as u8),
        0x80..0x1_0000_0000 => {
            out.push(0xCE);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(0xCF);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

/// Appends the head of a list.
pub(crate) fn push_list(out: &mut Vec<u8>, length: usize) {
    push_head(out, length, 0x90, 0xDC);
}

/// Appends the head of a map.
pub(crate) fn push_map(out: &mut Vec<u8>, length: usize) {
    push_head(out, length, 0x80, 0xDE);
}

fn push_head(out: &mut Vec<u8>, length: usize, short: u8, long: u8) {
    match length {
        0..16 => out.push(short | length as u8),
        16..0x1_0000 => {
            out.push(long);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(long + 1);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

/// Appends a time as the forward protocol's `EventTime` (extension type 0).
pub(crate) fn push_event_time(out: &mut Vec<u8>, unix_nanos: u64) {
    out.extend_from_slice(&[0xD7, 0]);
    out.extend_from_slice(&((unix_nanos / 1_000_000_000) as u32).to_be_bytes());
    out.extend_from_slice(&((unix_nanos % 1_000_000_000) as u32).to_be_bytes());
}

/// The value of a key in a map of strings that `bytes` begins with; `Err` when more bytes are
/// needed, `Ok(None)` when there is no such key or no such map.
pub(crate) fn string_of<'a>(bytes: &'a [u8], key: &[u8]) -> Result<Option<&'a [u8]>, Cut> {
    let mut rest = bytes;
    let count = match take(&mut rest, 1)?[0] {
        head @ 0x80..=0x8F => usize::from(head & 15),
        0xDE => number(take(&mut rest, 2)?),
        _ => return Ok(None),
    };
    for _ in 0..count {
        let (Some(name), Some(value)) = (string(&mut rest)?, string(&mut rest)?) else {
            return Ok(None);
        };
        if name == key {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The bytes end in the middle of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

fn string<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Cut> {
    let length = match take(rest, 1)?[0] {
        head @ 0xA0..=0xBF => usize::from(head & 31),
        0xD9 | 0xC4 => number(take(rest, 1)?),
        0xDA | 0xC5 => number(take(rest, 2)?),
        0xDB | 0xC6 => number(take(rest, 4)?),
        _ => return Ok(None),
    };
    take(rest, length).map(Some)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Cut> {
    let (taken, behind) = rest.split_at_checked(count).ok_or(Cut)?;
    *rest = behind;
    Ok(taken)
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_as_the_specification_writes_them() {
        let mut out = Vec::new();
        push_list(&mut out, 2);
        push_map(&mut out, 17);
        push_uint(&mut out, 5);
        push_uint(&mut out, 1_767_323_045);
        push_event_time(&mut out, 1_000_000_002);
        push_str(&mut out, b"hi");
        let expected = [
            0x92, 0xDE, 0, 17, 5, 0xCE, 0x69, 0x57, 0x35, 0xA5, 0xD7, 0, 0, 0, 0, 1, 0, 0, 0, 2,
            0xA2, b'h', b'i',
        ];
        assert_eq!(out, expected);
    }

    proptest! {
        #[test]
        fn strings_come_back(pairs: std::collections::BTreeMap<Vec<u8>, Vec<u8>>, long in 0_usize..70_000) {
            let mut pairs = pairs;
            pairs.insert(b"long".to_vec(), vec![b'x'; long]);
            let mut out = Vec::new();
            push_map(&mut out, pairs.len());
            for (name, value) in &pairs {
                push_str(&mut out, name);
                push_str(&mut out, value);
            }
            for (name, value) in &pairs {
                prop_assert_eq!(string_of(&out, name), Ok(Some(&value[..])));
            }
            prop_assert_eq!(string_of(&out[..out.len() - 1], b"\xFFmissing"), Err(Cut));
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = string_of(&bytes, b"ack");
        }
    }
}
