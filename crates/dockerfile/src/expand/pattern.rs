//! The patterns of `${name#p}`, `${name%p}` and `${name/p/r}`: `*`, `?` and backslash.

/// Steps that one substitution may take, so that no Dockerfile keeps a core busy for minutes.
const BUDGET: usize = 20_000_000;

/// A pattern, ready to match.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    Char(char),
    Any,
    Star,
}

/// Too many steps.
#[derive(Debug, PartialEq)]
pub(crate) struct Exhausted;

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' => Token::Star,
                '?' => Token::Any,
                '\\' => match chars.next() {
                    Some(c @ ('}' | '/' | '*' | '?' | '\\')) => Token::Char(c),
                    Some(c) => return Err(format!("invalid escape '\\{c}'")),
                    None => return Err("invalid escape at its end".to_owned()),
                },
                c => Token::Char(c),
            });
        }
        tokens.dedup_by(|a, b| *a == Token::Star && *b == Token::Star);
        Ok(Self(tokens))
    }

    /// What is left when the shortest (or longest) match at the start is taken away.
    pub(crate) fn trim_start(&self, value: &str, longest: bool) -> Result<String, Exhausted> {
        let chars: Vec<char> = value.chars().collect();
        let end = self.end(&chars, longest, &mut { BUDGET })?.unwrap_or(0);
        Ok(chars[end..].iter().collect())
    }

    /// What is left when the shortest (or longest) match at the end is taken away.
    pub(crate) fn trim_end(&self, value: &str, longest: bool) -> Result<String, Exhausted> {
        let chars: Vec<char> = value.chars().rev().collect();
        let reversed = Self(self.0.iter().rev().copied().collect());
        let end = reversed.end(&chars, longest, &mut { BUDGET })?.unwrap_or(0);
        Ok(chars[end..].iter().rev().collect())
    }

    /// Puts `by` in place of the first match, or of all; the leftmost, longest ones.
    pub(crate) fn replace(&self, value: &str, by: &str, all: bool) -> Result<String, Exhausted> {
        let chars: Vec<char> = value.chars().collect();
        let mut budget = BUDGET;
        let mut out = String::new();
        let mut copied = 0;
        let mut at = 0;
        let mut last_end = None;
        while at <= chars.len() {
            let Some(length) = self.end(&chars[at..], true, &mut budget)? else {
                at += 1;
                continue;
            };
            let end = at + length;
            // An empty match right behind another match is none.
            if length > 0 || last_end != Some(at) {
                out.extend(&chars[copied..at]);
                out.push_str(by);
                copied = end;
                last_end = Some(end);
                if !all {
                    break;
                }
            }
            at = if length == 0 { at + 1 } else { end };
        }
        out.extend(&chars[copied..]);
        Ok(out)
    }

    /// The length of the shortest or longest match at the start of `text`, all alternatives at once.
    fn end(
        &self,
        text: &[char],
        longest: bool,
        budget: &mut usize,
    ) -> Result<Option<usize>, Exhausted> {
        let accept = self.0.len();
        let mut states = vec![false; accept + 1];
        let mut next = states.clone();
        self.enter(&mut states, 0);
        let mut found = None;
        for at in 0..=text.len() {
            if states[accept] {
                found = Some(at);
                if !longest {
                    break;
                }
            }
            let Some(c) = text.get(at).copied() else {
                break;
            };
            *budget = budget.checked_sub(accept + 1).ok_or(Exhausted)?;
            next.fill(false);
            for state in (0..accept).filter(|s| states[*s]) {
                match self.0[state] {
                    Token::Star if c != '\n' => self.enter(&mut next, state),
                    Token::Any if c != '\n' => self.enter(&mut next, state + 1),
                    Token::Char(own) if own == c => self.enter(&mut next, state + 1),
                    _ => {}
                }
            }
            std::mem::swap(&mut states, &mut next);
            if !states.contains(&true) {
                break;
            }
        }
        Ok(found)
    }

    /// A star may also stand for nothing.
    fn enter(&self, states: &mut [bool], mut state: usize) {
        states[state] = true;
        while self.0.get(state) == Some(&Token::Star) {
            state += 1;
            states[state] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_and_replaces() {
        let p = |text| Pattern::new(text).expect("a pattern");
        assert_eq!(p("*/").trim_start("a/b/c", false), Ok("b/c".to_owned()));
        assert_eq!(p("*/").trim_start("a/b/c", true), Ok("c".to_owned()));
        assert_eq!(p(".*").trim_end("a.b.c", false), Ok("a.b".to_owned()));
        assert_eq!(p(".*").trim_end("a.b.c", true), Ok("a".to_owned()));
        assert_eq!(p("x").trim_start("a", true), Ok("a".to_owned()));
        assert_eq!(
            p("a").replace("banana", "o", false),
            Ok("bonana".to_owned())
        );
        assert_eq!(p("a").replace("banana", "o", true), Ok("bonono".to_owned()));
        assert_eq!(p("").replace("ab", "x", true), Ok("xaxbx".to_owned()));
        assert_eq!(p("*").replace("ab", "x", true), Ok("x".to_owned()));
        assert!(Pattern::new("\\a").is_err());
    }
}
