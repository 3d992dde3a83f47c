//! Places in a Dockerfile, and how they are shown to a person.

use std::fmt::Write as _;

/// A place: line and column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

/// From a place up to, but without, another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The character after the last one.
    pub end: Position,
}

impl Span {
    /// A whole line of `width` characters.
    pub fn line(line: u32, width: u32) -> Self {
        Self {
            start: Position { line, column: 1 },
            end: Position {
                line,
                column: width + 1,
            },
        }
    }

    /// The lines that it touches.
    pub fn lines(self) -> std::ops::RangeInclusive<u32> {
        self.start.line..=self.end.line
    }
}

/// Lines shown before and after the marked ones.
const AROUND: u32 = 2;

/// Shows the lines of `span` marked by `>>>`, with two lines around them, and a caret under a part of one line.
///
/// ```text
/// Dockerfile:2
/// --------------------
///    1 |     FROM busybox
///    2 | >>> RUM echo
///      |     ^^^
/// --------------------
/// ```
pub fn excerpt(file: &str, source: &[u8], span: Span) -> String {
    let text = String::from_utf8_lossy(source);
    let mut out = format!("{file}:{}\n--------------------\n", span.start.line);
    let first = span.start.line.saturating_sub(AROUND);
    let last = span.end.line.saturating_add(AROUND);
    for (number, line) in (1u32..).zip(text.lines()) {
        if number < first || number > last {
            continue;
        }
        let mark = if span.lines().contains(&number) {
            ">>>"
        } else {
            "   "
        };
        let _ = writeln!(out, "{number:>4} | {mark} {line}");
        if let Some(carets) = carets(line, number, span) {
            let _ = writeln!(out, "     |     {carets}");
        }
    }
    out.push_str("--------------------\n");
    out
}

/// Carets below the marked part of a line, unless the span has several lines or all of this one.
fn carets(line: &str, number: u32, span: Span) -> Option<String> {
    if span.start.line != number || span.end.line != number {
        return None;
    }
    let width = line.chars().count() as u32;
    let from = span.start.column.min(width + 1);
    let to = span.end.column.clamp(from + 1, width.max(from) + 1);
    if from == 1 && to > width {
        return None;
    }
    let blank: String = line
        .chars()
        .take(from as usize - 1)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    Some(blank + &"^".repeat((to - from) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_gets_a_caret() {
        let span = Span {
            start: Position { line: 2, column: 1 },
            end: Position { line: 2, column: 4 },
        };
        let shown = excerpt("Dockerfile", b"FROM busybox\nRUM echo\nCMD a\n", span);
        assert_eq!(
            shown,
            "Dockerfile:2\n--------------------\n   1 |     FROM busybox\n   2 | >>> RUM echo\n     |     ^^^\n   3 |     CMD a\n--------------------\n"
        );
    }

    #[test]
    fn a_span_outside_of_the_text_is_harmless() {
        let shown = excerpt("f", b"a", Span::line(9, 4));
        assert!(shown.starts_with("f:9"));
        let _ = excerpt("f", b"", Span::line(1, 0));
    }
}
