//! Lists of strings as gRPC metadata.

use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};

/// Adds values under a key.
///
/// Headers are ASCII: where a value is not, all of the key's values are escaped as in a form and a
/// second key says so, as BuildKit's clients expect.
pub(super) fn append(map: &mut MetadataMap, key: &'static str, values: &[String]) {
    let escaped = !values.iter().all(|value| value.is_ascii());
    for value in values {
        let value = if escaped {
            form_urlencoded::byte_serialize(value.as_bytes()).collect()
        } else {
            value.clone()
        };
        insert(map, key, &value);
    }
    if escaped {
        insert(map, &format!("{key}-encoded"), "1");
    }
}

/// Adds one value; what no header can hold (control characters) is left out.
pub(super) fn insert(map: &mut MetadataMap, key: &str, value: &str) {
    let key = AsciiMetadataKey::from_bytes(key.as_bytes());
    if let (Ok(key), Ok(value)) = (key, AsciiMetadataValue::try_from(value)) {
        map.append(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ascii_is_escaped_and_said_to_be() {
        let mut map = MetadataMap::new();
        append(&mut map, "plain", &["a/*".to_owned(), "!b c".to_owned()]);
        append(&mut map, "other", &["a b".to_owned(), "\u{fc}".to_owned()]);
        let all = |key: &str| -> Vec<_> {
            map.get_all(key)
                .iter()
                .map(|v| v.to_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(all("plain"), ["a/*", "!b c"]);
        assert!(all("plain-encoded").is_empty());
        assert_eq!(all("other"), ["a+b", "%C3%BC"]);
        assert_eq!(all("other-encoded"), ["1"]);
    }
}
