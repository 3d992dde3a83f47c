//! How the rest of an instruction's line falls into words.

use std::ops::Range;

/// Spaces between the parts of an instruction; other Unicode spaces belong to words.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// Splits at blanks, without looking at quotes.
pub(crate) fn blank_separated(rest: &str) -> Vec<String> {
    rest.split(is_blank)
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The first word, and what follows the blanks behind it.
pub(crate) fn first_word(text: &str) -> (&str, Option<&str>) {
    match text.find(is_blank) {
        Some(at) => (&text[..at], Some(text[at..].trim_start_matches(is_blank))),
        None => (text, None),
    }
}

/// Words that quotes hold together; quotes and escapes stay in them.
pub(crate) fn quoted_words(rest: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        match quote {
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(q) if c == q => quote = None,
            _ => {}
        }
        if c != escape || quote == Some('\'') {
            word.push(c);
            continue;
        }
        // An escape at the very end says nothing.
        if let Some(next) = chars.next() {
            word.push(c);
            word.push(next);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The `--flags` at the start, each with its place, and where the rest begins.
pub(crate) fn leading_flags(line: &str, escape: char) -> (Vec<(String, Range<usize>)>, usize) {
    let mut flags = Vec::new();
    let mut at = 0;
    loop {
        let start = at + (line[at..].len() - line[at..].trim_start().len());
        if !line[start..].starts_with("--") {
            return (flags, start);
        }
        let (word, end) = unquoted_word(&line[start..], escape);
        at = start + end;
        if word == "--" {
            return (flags, at);
        }
        flags.push((word, start..at));
    }
}

/// A word without its quotes and escapes, and its length in the text.
fn unquoted_word(text: &str, escape: char) -> (String, usize) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            None if c.is_whitespace() => return (word, at),
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(q) if c == q => quote = None,
            _ if c == escape => word.extend(chars.next().map(|(_, c)| c)),
            _ => word.push(c),
        }
    }
    (word, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        let words = |text| quoted_words(text, '\\');
        assert_eq!(
            words("a=\"b c\" d=e\\ f 'g h'"),
            ["a=\"b c\"", "d=e\\ f", "'g h'"]
        );
        assert_eq!(words("a=b\\"), ["a=b"]);
        assert_eq!(words("a='b\\' c"), ["a='b\\'", "c"]);
        assert_eq!(words("\"a\\\" b\" c"), ["\"a\\\" b\"", "c"]);
        assert_eq!(words("\"open"), ["\"open"]);
    }

    #[test]
    fn flags_stand_before_everything_else() {
        let (flags, rest) = leading_flags("--a=b --c=\"d e\"  f --g", '\\');
        let names: Vec<&str> = flags.iter().map(|(f, _)| f.as_str()).collect();
        assert_eq!(names, ["--a=b", "--c=d e"]);
        assert_eq!(&"--a=b --c=\"d e\"  f --g"[rest..], "f --g");
        let (flags, rest) = leading_flags("--a -- --b", '\\');
        assert_eq!((flags.len(), &"--a -- --b"[rest..]), (1, " --b"));
    }
}
