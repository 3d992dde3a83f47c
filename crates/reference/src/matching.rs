//! Patterns over references, as in `docker images 'user/*:1.?'`.

use crate::Reference;

/// Why a string is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern {0:?}: a [ or a \\ is not finished")]
pub struct PatternError(String);

/// A shell-like pattern: `*` and `?` do not cross `/`, `[a-z]` and `[^a-z]` are classes.
///
/// As Docker's `reference` filter, it is held against the familiar name with tag, and against the
/// familiar name without.
#[derive(Debug, Clone)]
pub struct Pattern {
    tokens: Vec<Token>,
}

#[derive(Debug, Clone)]
enum Token {
    Literal(char),
    Any,
    Star,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let bad = || PatternError(text.to_owned());
        let mut tokens = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' => Token::Star,
                '?' => Token::Any,
                '\\' => Token::Literal(chars.next().ok_or_else(bad)?),
                '[' => class(&mut chars).ok_or_else(bad)?,
                other => Token::Literal(other),
            });
        }
        Ok(Self { tokens })
    }

    /// Whether the reference is one the pattern means.
    pub fn matches(&self, reference: &Reference) -> bool {
        self.matches_text(&reference.familiar())
            || self.matches_text(&reference.familiar_repository())
    }

    /// Whether the whole text fits the pattern.
    pub fn matches_text(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        fits(&self.tokens, &text)
    }
}

fn class(chars: &mut std::str::Chars<'_>) -> Option<Token> {
    let mut ranges = Vec::new();
    let mut next = chars.next()?;
    let negated = next == '^';
    if negated {
        next = chars.next()?;
    }
    loop {
        if next == ']' && !ranges.is_empty() {
            return Some(Token::Class { negated, ranges });
        }
        let low = if next == '\\' { chars.next()? } else { next };
        let mut high = low;
        next = chars.next()?;
        if next == '-' {
            high = chars.next()?;
            if high == '\\' {
                high = chars.next()?;
            }
            next = chars.next()?;
        }
        ranges.push((low, high));
    }
}

/// Greedy matching with one point to go back to, so that time stays quadratic at worst.
fn fits(tokens: &[Token], text: &[char]) -> bool {
    let (mut t, mut c) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while c < text.len() {
        match tokens.get(t) {
            Some(Token::Star) => {
                back = Some((t, c));
                t += 1;
                continue;
            }
            Some(token) if token.takes(text[c]) => {
                t += 1;
                c += 1;
                continue;
            }
            _ => {}
        }
        match back {
            Some((star, from)) if text[from] != '/' => {
                back = Some((star, from + 1));
                t = star + 1;
                c = from + 1;
            }
            _ => return false,
        }
    }
    tokens[t..].iter().all(|token| matches!(token, Token::Star))
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == c,
            Self::Any => c != '/',
            Self::Star => false,
            Self::Class { negated, ranges } => {
                c != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern)
            .unwrap()
            .matches(&Reference::parse(name).unwrap())
    }

    #[test]
    fn patterns_hold_against_familiar_names() {
        assert!(matches("nginx", "nginx"));
        assert!(matches("ngin?", "nginx:1"));
        assert!(matches("nginx:1.*", "nginx:1.2"));
        assert!(matches("*:latest", "nginx"));
        assert!(!matches("*", "user/app"));
        assert!(matches("*/*", "user/app"));
        assert!(matches("[m-o]ginx", "nginx"));
        assert!(!matches("[^m-o]ginx", "nginx"));
        assert!(!matches("nginx:2", "nginx:1"));
    }

    #[test]
    fn unfinished_patterns_are_refused() {
        assert!(Pattern::parse("a[").is_err());
        assert!(Pattern::parse("a\\").is_err());
    }
}
