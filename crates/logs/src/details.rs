//! A line's attributes as `logs --details` shows them.

/// Appends `name=value,...`, sorted, both sides escaped as Go's `url.QueryEscape` does.
pub(crate) fn push(out: &mut Vec<u8>, mut pairs: Vec<(Vec<u8>, Vec<u8>)>) {
    pairs.sort();
    for (n, (name, value)) in pairs.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        escape(out, name);
        out.push(b'=');
        escape(out, value);
    }
}

fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            _ => {
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'%', DIGITS[high], DIGITS[low]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_and_values_are_escaped_and_sorted() {
        let pairs = [("b", "é&"), ("a.x", "1 2")];
        let pairs = pairs.map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec()));
        let mut out = Vec::new();
        super::push(&mut out, pairs.to_vec());
        assert_eq!(out, b"a.x=1+2,b=%C3%A9%26");
    }
}
