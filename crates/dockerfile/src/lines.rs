//! Logical lines: physical ones joined at continuations, without comments, with the place of every character.

use std::ops::Range;

use crate::directive::{Directive, Directives};
use crate::error::{Error, Problem};
use crate::span::{Position, Span};

/// Longer physical lines are refused, as BuildKit does.
const LONGEST: usize = 65_535;

/// Physical lines with their ends.
pub(crate) struct Lines<'a> {
    rest: &'a str,
    /// The number of the line read last.
    pub(crate) number: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            rest: text.strip_prefix('\u{feff}').unwrap_or(text),
            number: 0,
        }
    }

    /// The next line with its line end.
    pub(crate) fn next(&mut self) -> Result<Option<&'a str>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.number += 1;
        if line.len() > LONGEST {
            return Err(Error::at(Problem::LineTooLong, Span::line(self.number, 0)));
        }
        Ok(Some(line))
    }
}

/// An instruction's text without its heredocs.
#[derive(Debug, Default)]
pub(crate) struct LogicalLine {
    pub(crate) text: String,
    /// Where pieces of the text begin, and where they stand in the file.
    pieces: Vec<(usize, Position)>,
    pub(crate) first: u32,
    pub(crate) last: u32,
    last_width: u32,
    pub(crate) comments: Vec<String>,
    pub(crate) empty_continuation: bool,
}

impl LogicalLine {
    fn push(&mut self, line: u32, column: usize, piece: &str, width: usize) {
        let position = Position {
            line,
            column: column as u32 + 1,
        };
        self.pieces.push((self.text.len(), position));
        self.text.push_str(piece);
        self.last = line;
        self.last_width = width as u32;
    }

    fn position(&self, offset: usize) -> Position {
        let index = self.pieces.partition_point(|(start, _)| *start <= offset);
        let (start, position) = self
            .pieces
            .get(index.saturating_sub(1))
            .copied()
            .unwrap_or((
                0,
                Position {
                    line: self.first,
                    column: 1,
                },
            ));
        let before = self.text.get(start..offset).unwrap_or("").chars().count();
        Position {
            column: position.column + before as u32,
            ..position
        }
    }

    /// The place of a part of the text.
    pub(crate) fn span_of(&self, range: Range<usize>) -> Span {
        let start = self.position(range.start);
        // The end belongs to the line of the last character.
        let part = self.text.get(range.clone()).unwrap_or("");
        let end = match part.char_indices().last() {
            Some((last, _)) => {
                let last = self.position(range.start + last);
                Position {
                    column: last.column + 1,
                    ..last
                }
            }
            None => start,
        };
        Span { start, end }
    }

    /// The place of all of it.
    pub(crate) fn span(&self) -> Span {
        let start = self.pieces.first().map_or(
            Position {
                line: self.first,
                column: 1,
            },
            |p| p.1,
        );
        Span {
            start,
            end: Position {
                line: self.last,
                column: self.last_width + 1,
            },
        }
    }
}

/// Reads logical lines and the directives above them.
pub(crate) struct Reader<'a> {
    pub(crate) lines: Lines<'a>,
    pub(crate) escape: char,
    pub(crate) directives: Vec<Directive>,
    reader: Directives,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            lines: Lines::new(text),
            escape: '\\',
            directives: Vec::new(),
            reader: Directives::new("#"),
        }
    }

    /// The next instruction's line; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<LogicalLine>, Error> {
        let mut comments = Vec::new();
        while let Some(raw) = self.lines.next()? {
            let line = raw.trim_end_matches(['\r', '\n']);
            let text = line.trim_start();
            if self.directive(text)? {
                continue;
            }
            if let Some(comment) = text.strip_prefix('#') {
                note(&mut comments, comment);
                continue;
            }
            let (piece, ends) = self.continued(text);
            if ends && piece.is_empty() {
                continue;
            }
            let mut logical = LogicalLine {
                first: self.lines.number,
                comments: std::mem::take(&mut comments),
                ..LogicalLine::default()
            };
            let indent = line.chars().count() - text.chars().count();
            logical.push(self.lines.number, indent, piece, line.chars().count());
            if !ends {
                self.rest_of(&mut logical)?;
            }
            return Ok(Some(logical));
        }
        Ok(None)
    }

    /// The lines after a continuation. Comments and blank lines between them do not end it.
    fn rest_of(&mut self, logical: &mut LogicalLine) -> Result<(), Error> {
        while let Some(raw) = self.lines.next()? {
            let line = raw.trim_end_matches(['\r', '\n']);
            let text = line.trim_start();
            if text.starts_with('#') {
                continue;
            }
            if text.is_empty() {
                logical.empty_continuation = true;
                continue;
            }
            let (piece, ends) = self.continued(line);
            logical.push(self.lines.number, 0, piece, line.chars().count());
            if ends {
                break;
            }
        }
        logical.last = logical.last.max(self.lines.number);
        Ok(())
    }

    fn directive(&mut self, line: &str) -> Result<bool, Error> {
        let Some(directive) = self.reader.read(line, self.lines.number)? else {
            return Ok(false);
        };
        if directive.name == "escape" {
            self.escape = match directive.value.as_str() {
                "`" => '`',
                "\\" => '\\',
                other => {
                    let problem = Problem::EscapeToken(other.to_owned());
                    return Err(Error::at(problem, directive.span));
                }
            };
        }
        self.directives.push(directive);
        Ok(true)
    }

    /// The line without a continuation character, and whether the instruction ends here.
    fn continued<'l>(&self, line: &'l str) -> (&'l str, bool) {
        let trimmed = line.trim_end_matches([' ', '\t']);
        match trimmed.strip_suffix(self.escape) {
            // A doubled escape character at the end is one that is meant.
            Some(rest) if !rest.ends_with(self.escape) => (rest, false),
            _ => (line, true),
        }
    }
}

/// Comments right above an instruction describe it; an empty one begins anew.
fn note(comments: &mut Vec<String>, comment: &str) {
    let comment = comment.trim();
    if comment.is_empty() {
        comments.clear();
    } else {
        comments.push(comment.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<LogicalLine> {
        let mut reader = Reader::new(text);
        std::iter::from_fn(|| reader.next().expect("readable")).collect()
    }

    #[test]
    fn continuations_join_and_comments_go() {
        let lines =
            all("\u{feff}FROM a\r\n# note\r\nRUN b \\\r\n  # inside\r\n\r\n  c\\\n  && d\\\\\nX");
        let texts: Vec<&str> = lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ["FROM a", "RUN b   c  && d\\\\", "X"]);
        assert_eq!(lines[1].comments, ["note"]);
        assert!(lines[1].empty_continuation);
        assert_eq!((lines[1].first, lines[1].last), (3, 7));
    }

    #[test]
    fn places_survive_the_joining() {
        let lines = all("  RUN a \\\n   bcd\n");
        let at = lines[0].text.find("bcd").expect("there");
        let span = lines[0].span_of(at..at + 3);
        assert_eq!((span.start.line, span.start.column), (2, 4));
        assert_eq!((span.end.line, span.end.column), (2, 7));
        let keyword = lines[0].span_of(0..3);
        assert_eq!((keyword.start.column, keyword.end.column), (3, 6));
    }

    #[test]
    fn the_end_of_the_file_ends_a_continuation() {
        let lines = all("RUN a \\");
        assert_eq!(lines[0].text, "RUN a ");
    }

    #[test]
    fn the_escape_directive_changes_the_continuation() {
        let lines = all("# escape=`\nRUN a `\n  b\nCOPY x C:\\\nRUN c");
        assert_eq!(lines[0].text, "RUN a   b");
        assert_eq!(lines[1].text, "COPY x C:\\");
        assert!(Reader::new("# escape=x\nFROM a").next().is_err());
    }

    #[test]
    fn an_endless_line_is_refused() {
        let text = format!("RUN {}", "x".repeat(70_000));
        assert!(Reader::new(&text).next().is_err());
    }
}
