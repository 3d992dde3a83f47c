//! Heredocs: files within a Dockerfile.

use crate::error::{Error, Problem};
use crate::expand::{Env, Lexer};
use crate::lines::Lines;
use crate::span::{Position, Span};

/// A heredoc of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: String,
    /// The descriptor in front of `<<`; 0 if none stands there.
    pub descriptor: u32,
    /// Whether variables in it are expanded: the word was not quoted.
    pub expand: bool,
    /// `<<-`: leading tabs go.
    pub strip_tabs: bool,
    /// The lines, as they stand in the file.
    pub content: String,
}

impl Heredoc {
    /// Reads `<<EOF`, `<<-EOF`, `3<<"EOF"`; nothing if the word is none.
    pub fn parse(word: &str) -> Result<Option<Self>, Problem> {
        let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Some(rest) = word[digits..].strip_prefix("<<") else {
            return Ok(None);
        };
        let (strip_tabs, rest) = match rest.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.trim_start();
        if rest.is_empty() || rest.contains('<') {
            return Ok(None);
        }
        let lexer = Lexer {
            keep_unset: true,
            ..Lexer::new('\\')
        };
        let raw = Lexer {
            raw_quotes: true,
            ..lexer
        };
        let env = Env::new();
        let words = lexer.expand(rest, &env)?.words;
        let raw_words = raw.expand(rest, &env)?.words;
        let ([name], [quoted]) = (words.as_slice(), raw_words.as_slice()) else {
            return Ok(None);
        };
        let quotes = |s: &str| s.matches(['\'', '"']).count();
        Ok(Some(Self {
            name: name.clone(),
            descriptor: word[..digits].parse().unwrap_or(0),
            expand: quotes(name) == quotes(quoted),
            strip_tabs,
            content: String::new(),
        }))
    }

    /// The text of the file that it stands for.
    pub fn text(&self) -> String {
        if !self.strip_tabs {
            return self.content.clone();
        }
        self.content
            .split_inclusive('\n')
            .map(|line| line.trim_start_matches('\t'))
            .collect()
    }

    /// Reads its lines up to the ending word.
    pub(crate) fn read(&mut self, lines: &mut Lines<'_>, begun: u32) -> Result<(), Error> {
        while let Some(line) = lines.next()? {
            let mut end = line.trim_end_matches(['\r', '\n']);
            if self.strip_tabs {
                end = end.trim_start_matches('\t');
            }
            if end == self.name {
                return Ok(());
            }
            self.content.push_str(line);
        }
        let span = Span {
            start: Position {
                line: begun,
                column: 1,
            },
            end: Position {
                line: lines.number,
                column: 1,
            },
        };
        Err(Error::at(Problem::HeredocEnd, span))
    }
}

/// The heredocs that a line begins, without their text.
pub(crate) fn begun_in(line: &str) -> Result<Vec<Heredoc>, Problem> {
    let lexer = Lexer {
        raw_quotes: true,
        raw_escapes: true,
        keep_unset: true,
        ..Lexer::new('\\')
    };
    // A line with an open quote is the shell's business.
    let Ok(expanded) = lexer.expand(line, &Env::new()) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for word in expanded.words {
        found.extend(Heredoc::parse(&word)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_begin_one() {
        let parse = |word| Heredoc::parse(word).expect(word);
        let plain = parse("<<EOF").expect("one");
        assert_eq!((plain.name.as_str(), plain.expand), ("EOF", true));
        let quoted = parse("3<<-\"E F\"");
        let quoted = quoted.expect("one");
        assert_eq!(
            (
                quoted.name.as_str(),
                quoted.descriptor,
                quoted.expand,
                quoted.strip_tabs
            ),
            ("E F", 3, false, true)
        );
        assert_eq!(parse("<< 'EOF'").map(|h| h.expand), Some(false));
        for none in ["<<", "<<<EOF", "EOF", "a<<EOF", "<<-", "<<a b"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_line_may_begin_several() {
        let found = begun_in("RUN cat <<A - <<-B > x <<<C").expect("fine");
        let names: Vec<&str> = found.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(names, ["A", "B"]);
        assert_eq!(begun_in("RUN echo '<<A'").expect("fine"), []);
    }
}
