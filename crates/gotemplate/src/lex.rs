//! From source to text and action tokens.

use crate::ast::Position;
use crate::error::Error;
use crate::quote::unquote;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Literal text outside actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// `.`
    Dot,
    /// `.Name`; glued when nothing stands between it and the token before.
    Field {
        name: String,
        glued: bool,
    },
    Variable(String),
    Identifier(String),
    String(String),
    Int(i64),
    Float(f64),
    Pipe,
    OpenParen,
    CloseParen,
    Comma,
    Declare,
    Assign,
    /// White space inside an action separates arguments.
    Space,
}

/// A token and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) at: Position,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

pub(crate) fn lex(source: &str) -> Result<Vec<Placed>, Error> {
    let mut lexer = Lexer {
        source,
        offset: 0,
        tokens: Vec::new(),
    };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    offset: usize,
    tokens: Vec<Placed>,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), Error> {
        let mut trim_next = false;
        loop {
            let rest = &self.source[self.offset..];
            let open = rest.find("{{");
            let text = &rest[..open.unwrap_or(rest.len())];
            let trims = open.is_some_and(|at| trims_left(&rest[at + 2..]));
            let mut kept = text;
            if trim_next {
                kept = kept.trim_start_matches(is_space);
            }
            if trims {
                kept = kept.trim_end_matches(is_space);
            }
            if !kept.is_empty() {
                self.push(Token::Text(kept.to_owned()), self.offset);
            }
            self.offset += text.len();
            if open.is_none() {
                return Ok(());
            }
            let start = self.offset;
            self.offset += if trims { 3 } else { 2 };
            trim_next = match self.comment(trims)? {
                Some(trim) => trim,
                None => {
                    self.push(Token::Open, start);
                    self.action()?
                }
            };
        }
    }

    /// Skips `/* ... */ }}`; says whether the text after it is trimmed.
    fn comment(&mut self, trims: bool) -> Result<Option<bool>, Error> {
        let rest = &self.source[self.offset..];
        let inner = if trims {
            rest.trim_start_matches(is_space)
        } else {
            rest
        };
        if !inner.starts_with("/*") {
            return Ok(None);
        }
        let Some(end) = inner.find("*/") else {
            return Err(self.fail("unclosed comment"));
        };
        let after = &inner[end + 2..];
        let (trim, used) = if let Some(tail) = after.strip_prefix("}}") {
            (false, after.len() - tail.len())
        } else {
            let spaced = after.trim_start_matches(is_space);
            match spaced.strip_prefix("-}}") {
                Some(tail) if spaced.len() < after.len() => (true, after.len() - tail.len()),
                _ => return Err(self.fail("comment ends before closing delimiter")),
            }
        };
        self.offset += rest.len() - inner.len() + end + 2 + used;
        Ok(Some(trim))
    }

    /// Reads up to and with `}}`; says whether the text after it is trimmed.
    fn action(&mut self) -> Result<bool, Error> {
        loop {
            let rest = &self.source[self.offset..];
            let start = self.offset;
            if rest.starts_with("}}") {
                self.offset += 2;
                self.push(Token::Close, start);
                return Ok(false);
            }
            let Some(first) = rest.chars().next() else {
                return Err(self.fail("unclosed action"));
            };
            if is_space(first) {
                let spaces = rest.len() - rest.trim_start_matches(is_space).len();
                if rest[spaces..].starts_with("-}}") {
                    self.offset += spaces + 3;
                    self.push(Token::Close, start);
                    return Ok(true);
                }
                self.offset += spaces;
                self.push(Token::Space, start);
                continue;
            }
            let token = self.token(first, rest)?;
            self.push(token, start);
        }
    }

    fn token(&mut self, first: char, rest: &str) -> Result<Token, Error> {
        let (token, length) = match first {
            '|' => (Token::Pipe, 1),
            '(' => (Token::OpenParen, 1),
            ')' => (Token::CloseParen, 1),
            ',' => (Token::Comma, 1),
            '=' => (Token::Assign, 1),
            ':' if rest.starts_with(":=") => (Token::Declare, 2),
            '"' => self.string(rest)?,
            '`' => match rest[1..].find('`') {
                Some(end) => (Token::String(rest[1..=end].to_owned()), end + 2),
                None => return Err(self.fail("unterminated raw quoted string")),
            },
            '\'' => self.character(rest)?,
            '$' => {
                let name = word(&rest[1..]);
                (Token::Variable(name.to_owned()), name.len() + 1)
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let name = word(&rest[1..]);
                if name.is_empty() {
                    (Token::Dot, 1)
                } else {
                    let glued = !matches!(
                        self.tokens.last(),
                        Some(Placed {
                            token: Token::Space | Token::Open | Token::Pipe,
                            ..
                        })
                    );
                    (
                        Token::Field {
                            name: name.to_owned(),
                            glued,
                        },
                        name.len() + 1,
                    )
                }
            }
            '+' | '-' | '.' | '0'..='9' => self.number(rest)?,
            c if c == '_' || c.is_alphabetic() => {
                let name = word(rest);
                (Token::Identifier(name.to_owned()), name.len())
            }
            other => {
                let code = u32::from(other);
                return Err(self.fail(&format!(
                    "unexpected U+{code:04X} {} in command",
                    quote_char(other)
                )));
            }
        };
        self.offset += length;
        Ok(token)
    }

    fn string(&self, rest: &str) -> Result<(Token, usize), Error> {
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    let text = unquote(&rest[1..at])
                        .ok_or_else(|| self.fail("invalid syntax in quoted string"))?;
                    return Ok((Token::String(text), at + 1));
                }
                _ => {}
            }
        }
        Err(self.fail("unterminated quoted string"))
    }

    fn character(&self, rest: &str) -> Result<(Token, usize), Error> {
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\'' => {
                    let text = unquote(&rest[1..at]).unwrap_or_default();
                    let mut chars = text.chars();
                    return match (chars.next(), chars.next()) {
                        (Some(only), None) => Ok((Token::Int(i64::from(u32::from(only))), at + 1)),
                        _ => {
                            Err(self
                                .fail(&format!("malformed character constant: {}", &rest[..=at])))
                        }
                    };
                }
                _ => {}
            }
        }
        Err(self.fail("unterminated character constant"))
    }

    fn number(&self, rest: &str) -> Result<(Token, usize), Error> {
        let mut length = 0;
        let bytes = rest.as_bytes();
        while length < bytes.len() {
            let sign = matches!(bytes[length], b'+' | b'-')
                && (length == 0 || matches!(bytes[length - 1], b'e' | b'E'));
            if !(sign
                || bytes[length].is_ascii_alphanumeric()
                || matches!(bytes[length], b'.' | b'_'))
            {
                break;
            }
            length += 1;
        }
        let text = rest[..length].replace('_', "");
        match integer(&text) {
            Some(value) => Ok((Token::Int(value), length)),
            None => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok((Token::Float(value), length)),
                _ => Err(self.fail(&format!("bad number syntax: \"{}\"", &rest[..length]))),
            },
        }
    }

    fn push(&mut self, token: Token, start: usize) {
        let at = position(self.source, start);
        self.tokens.push(Placed {
            token,
            at,
            start,
            end: self.offset,
        });
    }

    fn fail(&self, reason: &str) -> Error {
        Error::Parse {
            line: position(self.source, self.offset).line,
            reason: reason.to_owned(),
        }
    }
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = lower.strip_prefix(prefix) {
            return i64::from_str_radix(rest, radix)
                .ok()
                .map(|value| sign * value);
        }
    }
    if lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|b| b.is_ascii_digit()) {
        return i64::from_str_radix(&lower, 8)
            .ok()
            .map(|value| sign * value);
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(text.len());
    &text[..end]
}

fn trims_left(inside: &str) -> bool {
    inside
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(is_space))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn quote_char(c: char) -> String {
    format!("'{c}'")
}

fn position(source: &str, offset: usize) -> Position {
    let before = &source.as_bytes()[..offset];
    let line = before.split(|byte| *byte == b'\n').count();
    let column = offset
        - before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
    Position { line, column }
}
