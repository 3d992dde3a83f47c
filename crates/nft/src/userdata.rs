//! User data in the form that nft writes: type, length, bytes. Type 0 of a rule is its comment.

/// The kernel keeps at most 256 bytes (`NFT_USERDATA_MAXLEN`).
const COMMENT_LIMIT: usize = 253;

/// A rule's comment as user data.
pub(crate) fn comment(text: &str) -> Vec<u8> {
    let mut end = text.len().min(COMMENT_LIMIT - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = vec![0, end as u8 + 1];
    bytes.extend_from_slice(&text.as_bytes()[..end]);
    bytes.push(0);
    bytes
}

/// The comment in a rule's user data.
pub(crate) fn parse_comment(mut data: &[u8]) -> Option<String> {
    while let [kind, length, rest @ ..] = data {
        let value = rest.get(..usize::from(*length))?;
        if *kind == 0 {
            let text = value.strip_suffix(&[0]).unwrap_or(value);
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        data = &rest[value.len()..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_comes_back() {
        assert_eq!(comment("hi"), [0, 3, b'h', b'i', 0]);
        assert_eq!(
            parse_comment(&comment("our rule")).as_deref(),
            Some("our rule")
        );
        assert_eq!(
            parse_comment(&[1, 1, 9, 0, 2, b'a', 0]).as_deref(),
            Some("a")
        );
        assert_eq!(parse_comment(&[0, 200, 1]), None);
    }

    #[test]
    fn a_long_comment_is_cut_at_a_character() {
        let parsed = parse_comment(&comment(&"ü".repeat(300))).unwrap();
        assert!(parsed.len() <= COMMENT_LIMIT && parsed.chars().all(|c| c == 'ü'));
    }
}
