//! The lexer: quotes, escapes, `$name` and `${name..}`.

use std::collections::BTreeSet;

use super::{Env, ExpandError, pattern::Pattern};
use crate::error::Problem;

/// `${` may nest this deep.
const DEPTH: usize = 64;
/// No word grows longer than this many bytes.
const LONGEST: usize = 4 << 20;

/// How words are read. Each instruction has its own way; see [`crate::Scope`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lexer {
    /// `\` or a backtick.
    pub escape: char,
    /// Keep quotes instead of taking them away.
    pub raw_quotes: bool,
    /// Keep escape characters.
    pub raw_escapes: bool,
    /// Quotes are characters like any other (the text of a heredoc).
    pub skip_quotes: bool,
    /// Leave variables that are not set as they stand.
    pub keep_unset: bool,
}

/// A word after expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The whole text.
    pub text: String,
    /// The text split at unquoted spaces.
    pub words: Vec<String>,
    /// Variables that were asked for and are set.
    pub matched: BTreeSet<String>,
    /// Variables that were asked for and are not set.
    pub unmatched: BTreeSet<String>,
}

impl Lexer {
    /// The usual way: quotes and escapes are taken away, variables are put in.
    pub fn new(escape: char) -> Self {
        Self {
            escape,
            raw_quotes: false,
            raw_escapes: false,
            skip_quotes: false,
            keep_unset: false,
        }
    }

    /// Expands one word, or a whole line of them.
    pub fn expand(&self, word: &str, env: &Env) -> Result<Expanded, Problem> {
        let mut run = Run {
            lexer: self,
            env,
            chars: word.chars().collect(),
            at: 0,
            depth: 0,
            out: Expanded::default(),
        };
        let (text, words) =
            run.until(None, self.raw_escapes)
                .map_err(|reason| Problem::Expansion {
                    word: word.to_owned(),
                    reason,
                })?;
        Ok(Expanded {
            text,
            words,
            ..run.out
        })
    }
}

/// Words as they grow.
#[derive(Default)]
struct Words {
    done: Vec<String>,
    word: String,
}

impl Words {
    fn add(&mut self, text: &str) {
        for c in text.chars() {
            self.add_char(c);
        }
    }

    fn add_char(&mut self, c: char) {
        if !c.is_whitespace() {
            self.word.push(c);
        } else if !self.word.is_empty() {
            self.done.push(std::mem::take(&mut self.word));
        }
    }

    fn finish(mut self) -> Vec<String> {
        if !self.word.is_empty() {
            self.done.push(self.word);
        }
        self.done
    }
}

struct Run<'a> {
    lexer: &'a Lexer,
    env: &'a Env,
    chars: Vec<char>,
    at: usize,
    depth: usize,
    out: Expanded,
}

impl Run<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    /// Reads up to `stop`, or to the end.
    fn until(
        &mut self,
        stop: Option<char>,
        raw_escapes: bool,
    ) -> Result<(String, Vec<String>), ExpandError> {
        let mut text = String::new();
        let mut words = Words::default();
        while let Some(c) = self.peek() {
            if stop == Some(c) {
                self.at += 1;
                return Ok((text, words.finish()));
            }
            let quotes = !self.lexer.skip_quotes;
            let (piece, splits) = match c {
                '$' => (self.dollar()?, true),
                '<' => (self.heredoc(), false),
                '\'' if quotes => (self.single_quoted()?, false),
                '"' if quotes => (self.double_quoted(raw_escapes)?, false),
                _ => {
                    self.at += 1;
                    if c == self.lexer.escape {
                        let kept = raw_escapes.then_some(c);
                        let Some(next) = self.next() else {
                            text.extend(kept);
                            words.word.extend(kept);
                            break;
                        };
                        (kept.into_iter().chain([next]).collect(), false)
                    } else {
                        text.push(c);
                        words.add_char(c);
                        continue;
                    }
                }
            };
            text.push_str(&piece);
            if splits {
                words.add(&piece);
            } else {
                words.word.push_str(&piece);
            }
            if text.len() > LONGEST {
                return Err(ExpandError::TooLong);
            }
        }
        match stop {
            Some(stop) => Err(ExpandError::Unmatched(stop.to_string())),
            None => Ok((text, words.finish())),
        }
    }

    /// `<<` takes the spaces behind it along, so that `<< EOF` is one word.
    fn heredoc(&mut self) -> String {
        self.at += 1;
        if self.peek() != Some('<') {
            return "<".to_owned();
        }
        self.at += 1;
        let mut out = "<<".to_owned();
        while let Some(c) = self.peek().filter(|c| matches!(c, '\t' | '\r' | ' ')) {
            out.push(c);
            self.at += 1;
        }
        out
    }

    fn single_quoted(&mut self) -> Result<String, ExpandError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            match self.next() {
                None => return Err(ExpandError::Unmatched("single-quote".to_owned())),
                Some('\'') => break,
                Some(c) => out.push(c),
            }
        }
        Ok(if self.lexer.raw_quotes {
            format!("'{out}'")
        } else {
            out
        })
    }

    fn double_quoted(&mut self, raw_escapes: bool) -> Result<String, ExpandError> {
        self.at += 1;
        let escape = self.lexer.escape;
        let mut out = String::new();
        loop {
            match self.peek() {
                None => return Err(ExpandError::Unmatched("double-quote".to_owned())),
                Some('"') => break,
                Some('$') => out.push_str(&self.dollar()?),
                Some(c) if c == escape => {
                    self.at += 1;
                    if raw_escapes {
                        out.push(c);
                    }
                    match self.peek() {
                        None => {}
                        // Only these can be escaped within double quotes.
                        Some(n) if n == '"' || n == '$' || n == escape => {
                            out.push(n);
                            self.at += 1;
                        }
                        Some(_) => out.push(c),
                    }
                }
                Some(c) => {
                    out.push(c);
                    self.at += 1;
                }
            }
            if out.len() > LONGEST {
                return Err(ExpandError::TooLong);
            }
        }
        self.at += 1;
        Ok(if self.lexer.raw_quotes {
            format!("\"{out}\"")
        } else {
            out
        })
    }

    fn dollar(&mut self) -> Result<String, ExpandError> {
        self.at += 1;
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.value(&name) {
                None if self.lexer.keep_unset => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.at += 1;
        if self.depth == DEPTH {
            return Err(ExpandError::TooDeep);
        }
        self.depth += 1;
        let braced = self.braced();
        self.depth -= 1;
        braced
    }

    /// What follows `${`.
    fn braced(&mut self) -> Result<String, ExpandError> {
        match self.peek() {
            None => return Err(ExpandError::MissingBrace),
            Some('{' | '}' | ':') => return Err(ExpandError::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            None => Err(ExpandError::MissingBrace),
            Some('}') => Ok(match self.value(&name) {
                None if self.lexer.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some(':') => match self.next() {
                None => Err(ExpandError::MissingBrace),
                Some(op @ ('#' | '%')) => Err(ExpandError::Modifier(format!(":{op}"))),
                Some(op) => self.modified(&name, op, true),
            },
            Some(op @ ('+' | '-' | '?' | '#' | '%')) => self.modified(&name, op, false),
            Some('/') => self.replaced(&name),
            Some(op) => Err(ExpandError::Modifier(op.to_string())),
        }
    }

    /// The part up to `stop`; when the text ends before, that is what is told.
    fn part(
        &mut self,
        stop: char,
        raw_escapes: bool,
        missing: ExpandError,
    ) -> Result<String, ExpandError> {
        let part = self.until(Some(stop), raw_escapes);
        match part {
            Ok((part, _)) => Ok(part),
            Err(error @ (ExpandError::TooDeep | ExpandError::TooLong)) => Err(error),
            Err(_) if self.peek().is_none() => Err(missing),
            Err(error) => Err(error),
        }
    }

    fn modified(
        &mut self,
        name: &str,
        op: char,
        empty_is_unset: bool,
    ) -> Result<String, ExpandError> {
        let word = self.part('}', matches!(op, '#' | '%'), ExpandError::MissingBrace)?;
        let value = self.value(name);
        let colon = if empty_is_unset { ":" } else { "" };
        if value.is_none() && self.lexer.keep_unset {
            return Ok(format!("${{{name}{colon}{op}{word}}}"));
        }
        let filled = value.as_ref().filter(|v| !empty_is_unset || !v.is_empty());
        match op {
            '-' => Ok(filled.cloned().unwrap_or(word)),
            '+' => Ok(filled.map(|_| word).unwrap_or_default()),
            '?' => filled.cloned().ok_or_else(|| ExpandError::Required {
                name: name.to_owned(),
                message: match (word.is_empty(), &value) {
                    (false, _) => word,
                    (true, None) => "is not allowed to be unset".to_owned(),
                    (true, Some(_)) => "is not allowed to be empty".to_owned(),
                },
            }),
            '#' | '%' => {
                let longest = word.starts_with(op);
                let text = word.strip_prefix(op).unwrap_or(&word);
                let pattern = Pattern::new(text).map_err(|reason| bad_pattern(text, reason))?;
                let value = value.unwrap_or_default();
                let trimmed = if op == '#' {
                    pattern.trim_start(&value, longest)
                } else {
                    pattern.trim_end(&value, longest)
                };
                trimmed.map_err(|_| bad_pattern(text, "it takes too long".to_owned()))
            }
            _ => Err(ExpandError::Modifier(format!("{colon}{op}"))),
        }
    }

    fn replaced(&mut self, name: &str) -> Result<String, ExpandError> {
        let all = self.peek() == Some('/');
        if all {
            self.at += 1;
        }
        let text = self.part('/', true, ExpandError::MissingSlash)?;
        let by = self.part('}', true, ExpandError::MissingBrace)?;
        let value = self.value(name);
        if value.is_none() && self.lexer.keep_unset {
            return Ok(format!("${{{name}/{text}/{by}}}"));
        }
        let pattern = Pattern::new(&text).map_err(|reason| bad_pattern(&text, reason))?;
        pattern
            .replace(&value.unwrap_or_default(), &by, all)
            .map_err(|_| bad_pattern(&text, "it takes too long".to_owned()))
    }

    /// A name, digits, or one of the shell's special parameters, which are never set.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.peek() {
            Some(c) if c.is_numeric() => {
                while let Some(c) = self.peek().filter(|c| c.is_numeric()) {
                    name.push(c);
                    self.at += 1;
                }
            }
            Some(c @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                name.push(c);
                self.at += 1;
            }
            _ => {
                while let Some(c) = self.peek().filter(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                    self.at += 1;
                }
            }
        }
        name
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let value = self.env.get(name).map(str::to_owned);
        let set = if value.is_some() {
            &mut self.out.matched
        } else {
            &mut self.out.unmatched
        };
        set.insert(name.to_owned());
        value
    }
}

fn bad_pattern(pattern: &str, reason: String) -> ExpandError {
    ExpandError::Pattern {
        pattern: pattern.to_owned(),
        reason,
    }
}
