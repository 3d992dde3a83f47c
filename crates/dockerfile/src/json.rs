//! The exec form: an array of JSON strings, as strict as Go's decoder.

/// Arrays and objects may nest this deep; what is deeper is no exec form.
const DEPTH: usize = 64;

/// What an instruction's arguments are when read as JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Array {
    /// An array of strings.
    Strings(Vec<String>),
    /// An array with something else in it.
    Mixed,
    /// No JSON array: the shell form.
    No,
}

/// Reads an array of strings.
pub(crate) fn array(text: &str) -> Array {
    let text = text.trim_start();
    if !text.starts_with('[') {
        return Array::No;
    }
    let mut reader = Reader {
        chars: text.chars().peekable(),
    };
    let mut strings = Vec::new();
    let mut mixed = false;
    let read = reader.list(']', |r| {
        r.space();
        if r.chars.peek() == Some(&'"') {
            strings.push(r.string()?);
        } else {
            mixed = true;
            r.value(DEPTH)?;
        }
        Some(())
    });
    reader.space();
    match read {
        Some(()) if reader.chars.next().is_some() => Array::No,
        Some(()) if mixed => Array::Mixed,
        Some(()) => Array::Strings(strings),
        None => Array::No,
    }
}

struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self
            .chars
            .next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
            .is_some()
        {}
    }

    /// `[` or `{`, items between commas, and `close`.
    fn list(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.chars.next()?;
        self.space();
        if self.chars.next_if_eq(&close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            self.space();
            match self.chars.next()? {
                ',' => {}
                c if c == close => return Some(()),
                _ => return None,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.space();
        match *self.chars.peek()? {
            '"' => self.string().map(|_| ()),
            '[' => self.list(']', |r| r.value(depth)),
            '{' => self.list('}', |r| {
                r.space();
                r.chars.peek().filter(|c| **c == '"')?;
                r.string()?;
                r.space();
                r.chars.next_if_eq(&':')?;
                r.value(depth)
            }),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Option<()> {
        let mut word = String::new();
        while let Some(c) = self
            .chars
            .next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        {
            word.push(c);
        }
        let number = || {
            let digits = word.strip_prefix('-').unwrap_or(&word);
            digits.starts_with(|c: char| c.is_ascii_digit())
                && (!digits.starts_with('0')
                    || !digits[1..].starts_with(|c: char| c.is_ascii_digit()))
                && !digits.ends_with('.')
                && word.parse::<f64>().is_ok()
        };
        (matches!(word.as_str(), "true" | "false" | "null") || number()).then_some(())
    }

    fn string(&mut self) -> Option<String> {
        self.chars.next()?;
        let mut out = String::new();
        loop {
            match self.chars.next()? {
                '"' => return Some(out),
                '\\' => out.push(self.escaped()?),
                c if c < ' ' => return None,
                c => out.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.chars.next()? {
            c @ ('"' | '\\' | '/') => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode()?,
            _ => return None,
        })
    }

    /// `\uXXXX`, perhaps the first half of a pair; half a pair alone is U+FFFD.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hex4()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Some(char::from_u32(first).unwrap_or('\u{fffd}'));
        }
        let mut ahead = self.chars.clone();
        if ahead.next() != Some('\\') || ahead.next() != Some('u') {
            return Some('\u{fffd}');
        }
        let mut rest = Reader { chars: ahead };
        let second = rest.hex4()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Some('\u{fffd}');
        }
        self.chars.nth(5);
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn hex4(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |sum, _| {
            Some(sum * 16 + self.chars.next()?.to_digit(16)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings(of: &[&str]) -> Array {
        Array::Strings(of.iter().map(|s| (*s).to_owned()).collect())
    }

    #[test]
    fn decides_as_go() {
        assert_eq!(array(r#" ["a", "b\n"] "#), strings(&["a", "b\n"]));
        assert_eq!(array("[]"), strings(&[]));
        assert_eq!(array(r#"["\ud83d\ude00\ud83d"]"#), strings(&["😀\u{fffd}"]));
        assert_eq!(array(r#"["a", 1]"#), Array::Mixed);
        assert_eq!(array(r#"["a", {"b": [null]}]"#), Array::Mixed);
        for shell in [
            "['a']",
            r#"["a" "b"]"#,
            r#"["a",]"#,
            r#"["a"] x"#,
            r#"["a"#,
            "[01]",
            "[ -f x ]",
            "echo",
            "",
        ] {
            assert_eq!(array(shell), Array::No, "{shell}");
        }
    }

    #[test]
    fn depth_is_no_way_to_crash() {
        assert_eq!(array(&"[".repeat(100_000)), Array::No);
    }

    proptest! {
        #[test]
        fn reads_any_strings_that_it_quotes(words in proptest::collection::vec("[ -~é😀]*", 0..5)) {
            let quoted: Vec<String> = words.iter().map(|w| format!("\"{}\"", w.replace('\\', "\\\\").replace('"', "\\\""))).collect();
            prop_assert_eq!(array(&format!("[{}]", quoted.join(", "))), Array::Strings(words));
        }

        #[test]
        fn never_panics(text in "[\\[\\]{}\",:\\\\u0-9a-f ]*") { let _ = array(&text); }
    }
}
