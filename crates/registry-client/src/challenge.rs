//! `WWW-Authenticate`.

use std::collections::HashMap;

/// One challenge: a scheme and its parameters (RFC 7235, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub scheme: String,
    /// Names in lower case.
    pub parameters: HashMap<String, String>,
}

impl Challenge {
    /// A parameter that is there and not empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Reads one header value, which may hold several challenges. What cannot be read is skipped.
pub fn parse_challenges(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = take_token(rest);
        if word.is_empty() {
            match rest.chars().next() {
                None => return found,
                // Something that is no token: skip it.
                Some(c) => rest = &rest[c.len_utf8()..],
            }
            continue;
        }
        let trimmed = after.trim_start_matches([' ', '\t']);
        if let Some(value) = trimmed.strip_prefix('=') {
            let (value, after) = take_value(value.trim_start_matches([' ', '\t']));
            if let Some(challenge) = found.last_mut() {
                challenge
                    .parameters
                    .insert(word.to_ascii_lowercase(), value);
            }
            rest = after;
        } else {
            let scheme = word.to_ascii_lowercase();
            found.push(Challenge {
                scheme,
                parameters: HashMap::new(),
            });
            rest = after;
        }
    }
}

fn take_token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/:".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// A token, or a string in quotes with backslash escapes.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, rest) = take_token(text);
        return (token.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_challenge_gives_its_parameters() {
        let header = r#"Bearer realm="https://auth.test/token?a=b",service="reg.test",scope="repository:a/b:pull,push",error="insufficient_scope""#;
        let found = parse_challenges(header);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scheme, "bearer");
        assert_eq!(
            found[0].parameter("realm"),
            Some("https://auth.test/token?a=b")
        );
        assert_eq!(
            found[0].parameter("scope"),
            Some("repository:a/b:pull,push")
        );
        assert_eq!(found[0].parameter("error"), Some("insufficient_scope"));
    }

    #[test]
    fn several_challenges_may_share_a_header() {
        let found = parse_challenges(r#"Basic realm="a \"b\"", Bearer realm=x, service = y"#);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].parameter("realm"), Some("a \"b\""));
        assert_eq!(found[1].parameter("service"), Some("y"));
    }

    #[test]
    fn nonsense_is_no_panic() {
        for text in [
            "",
            ",",
            "=",
            "a=\"",
            "é=ü",
            "Bearer realm=\"\\",
            "\u{7f}\"\"\"",
            "a b c d",
        ] {
            parse_challenges(text);
        }
    }
}
