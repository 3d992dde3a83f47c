//! Parser directives: `# syntax=`, `# escape=`, `# check=` above everything else.

use crate::error::{Error, Problem};
use crate::span::Span;

/// A directive and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// `syntax`, `escape` or `check`.
    pub name: String,
    /// What stands after the equals sign.
    pub value: String,
    /// Its line.
    pub span: Span,
}

const NAMES: [&str; 3] = ["syntax", "escape", "check"];

/// Reads directives until something else comes.
#[derive(Debug)]
pub(crate) struct Directives {
    prefix: &'static str,
    done: bool,
    seen: Vec<String>,
}

impl Directives {
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            done: false,
            seen: Vec::new(),
        }
    }

    /// The directive in a line without leading space, if it is one.
    pub(crate) fn read(&mut self, line: &str, number: u32) -> Result<Option<Directive>, Error> {
        if self.done {
            return Ok(None);
        }
        let Some((name, value)) = line.strip_prefix(self.prefix).and_then(split) else {
            self.done = true;
            return Ok(None);
        };
        let span = Span::line(number, line.chars().count() as u32);
        if self.seen.contains(&name) {
            return Err(Error::at(Problem::DirectiveTwice(name), span));
        }
        self.seen.push(name.clone());
        Ok(Some(Directive {
            name,
            value: value.to_owned(),
            span,
        }))
    }
}

/// `name = value` of a known name.
pub(crate) fn split(text: &str) -> Option<(String, &str)> {
    let (name, value) = text.trim_start().split_once('=')?;
    let name = name.trim_end().to_lowercase();
    let value = value.trim();
    (NAMES.contains(&name.as_str()) && !value.is_empty()).then_some((name, value))
}

/// The frontend that a file asks for: `# syntax=`, `// syntax=` or `{"syntax": ..}`, below an optional `#!` line.
///
/// The first word of the value is the reference; the rest, if any, is for that frontend.
pub fn detect_syntax(source: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(source);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = match text.strip_prefix("#!") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    };
    ["#", "//"]
        .into_iter()
        .find_map(|prefix| in_comments(text, prefix))
        .or_else(|| in_json(text))
}

fn in_comments(text: &str, prefix: &'static str) -> Option<String> {
    let mut directives = Directives::new(prefix);
    for (line, number) in text.lines().zip(1..) {
        if directives.done {
            return None;
        }
        let found = directives.read(line, number).ok()?;
        if let Some(directive) = found.filter(|d| d.name == "syntax") {
            return directive.value.split(' ').next().map(str::to_owned);
        }
    }
    None
}

/// A key `syntax` in a file that is a JSON object, found without reading all of JSON.
fn in_json(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with('{') || !text.ends_with('}') {
        return None;
    }
    let after = text.split_once("\"syntax\"")?.1.trim_start();
    let value = after.strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let value = value.split_once('"')?.0;
    (!value.contains('\\')).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_syntax_in_every_form() {
        for text in [
            "# syntax=docker/dockerfile:1\nFROM a",
            "#syntax = docker/dockerfile:1 --x\nFROM a",
            "\u{feff}# escape=`\n# Syntax=docker/dockerfile:1\n",
            "#!/usr/bin/env x\n# syntax=docker/dockerfile:1\n",
            "// syntax=docker/dockerfile:1\n{}",
            "{\"a\": 1, \"syntax\": \"docker/dockerfile:1\"}",
        ] {
            let found = detect_syntax(text.as_bytes());
            assert_eq!(found.as_deref(), Some("docker/dockerfile:1"), "{text}");
        }
        for text in ["", "\n# syntax=a", "# hello\n# syntax=a", "FROM a"] {
            assert_eq!(detect_syntax(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_second_one_is_refused() {
        let mut directives = Directives::new("#");
        assert!(directives.read("# escape=`", 1).is_ok_and(|d| d.is_some()));
        let twice = directives.read("# escape=`", 2).expect_err("twice");
        assert_eq!(
            twice.to_string(),
            "only one escape parser directive can be used"
        );
    }
}
