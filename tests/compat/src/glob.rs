//! Patterns in which `*` stands for any text.

/// Whether the whole text fits the pattern.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    text.char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .any(|at| fits(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_is_any_text() {
        assert!(fits("GET /info*", "GET /info"));
        assert!(fits("*.Containers[].Id", "x.Containers[].Id"));
        assert!(fits("a*c*e", "abcde"));
        assert!(!fits("a*c", "abcd"));
        assert!(!fits("abc", "ab"));
    }
}
