//! `.dockerignore`: which files of a context stay out.

use regex_lite::Regex;

use crate::error::Problem;

/// The patterns of a `.dockerignore`. The last one that matches decides.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

/// Which patterns matched a directory, for what is below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parent(Vec<bool>);

#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    /// `!`: brings back.
    exclusion: bool,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact,
    /// `a/**`: what begins so.
    Prefix(String),
    /// `**/a`: what ends so.
    Suffix(String),
    Regex(Regex),
}

impl Ignore {
    /// Reads a file: one pattern a line, `#` comments, blank lines, `!`.
    pub fn parse(source: &[u8]) -> Result<Self, Problem> {
        Self::new(Self::lines(source))
    }

    /// The patterns of a file, in the form in which others are told them.
    pub fn lines(source: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(source);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(rooted).filter(|line| !line.is_empty()).collect()
    }

    /// From patterns, as of `COPY --exclude`.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, Problem> {
        let patterns = patterns.into_iter();
        let texts = patterns.map(|p| p.as_ref().trim().to_owned());
        let read = texts.filter(|p| !p.is_empty()).map(|p| Pattern::new(&p));
        Ok(Self {
            patterns: read.collect::<Result<_, _>>()?,
        })
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a pattern brings files back: then directories that are out must still be walked.
    pub fn has_exclusions(&self) -> bool {
        self.patterns.iter().any(|p| p.exclusion)
    }

    /// Whether every file at the top is out.
    pub(crate) fn drops_all(&self) -> bool {
        let all = |p: &&Pattern| matches!(p.text.as_str(), "*" | "**" | "**/*");
        self.patterns
            .iter()
            .filter(|p| !p.exclusion)
            .any(|p| all(&p))
    }

    /// Whether a file stays out, by its own path or by that of a directory above it.
    pub fn matches(&self, path: &str) -> bool {
        let path = clean(path);
        let mut out = false;
        for pattern in &self.patterns {
            if pattern.exclusion == out && pattern.matches_or_above(&path) {
                out = !pattern.exclusion;
            }
        }
        out
    }

    /// The same while walking: `parent` is what came out of the directory above, nothing at the top.
    pub fn matches_below(&self, path: &str, parent: &Parent) -> (bool, Parent) {
        let path = clean(path);
        let mut out = false;
        let mut own = vec![false; self.patterns.len()];
        for (index, pattern) in self.patterns.iter().enumerate() {
            let mut hit = parent.0.get(index).copied().unwrap_or(false);
            if !hit {
                if pattern.exclusion != out {
                    continue;
                }
                hit = if parent.0.is_empty() {
                    pattern.matches_or_above(&path)
                } else {
                    pattern.matches(&path)
                };
            }
            own[index] = hit;
            if hit {
                out = !pattern.exclusion;
            }
        }
        (out, Parent(own))
    }
}

/// A line as a pattern: cleaned, without a leading slash.
fn rooted(line: &str) -> String {
    let line = line.trim();
    let (mark, rest) = match line.strip_prefix('!') {
        Some(rest) => ("!", rest.trim()),
        None => ("", line),
    };
    if rest.is_empty() {
        return mark.to_owned();
    }
    let rest = clean(rest);
    let rest = match rest.strip_prefix('/') {
        Some(below) if !below.is_empty() => below,
        _ => &rest,
    };
    format!("{mark}{rest}")
}

/// A path without `.`, `..` and doubled slashes, as Go's `filepath.Clean`.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, Problem> {
        let text = clean(text);
        let (exclusion, text) = match text.strip_prefix('!') {
            Some("") => return Err(Problem::IgnoreExclusion),
            Some(rest) => (true, rest.to_owned()),
            None => (false, text),
        };
        let bad = || Problem::IgnorePattern(text.clone());
        if !well_formed(&text) {
            return Err(bad());
        }
        let matcher = compile(&text).ok_or_else(bad)?;
        Ok(Self {
            text,
            exclusion,
            matcher,
        })
    }

    fn matches(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Exact => path == self.text,
            Matcher::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Matcher::Suffix(suffix) => {
                path.ends_with(suffix.as_str()) || suffix.strip_prefix('/') == Some(path)
            }
            Matcher::Regex(regex) => regex.is_match(path),
        }
    }

    fn matches_or_above(&self, path: &str) -> bool {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        self.matches(path) || above.into_iter().any(|dir| self.matches(dir))
    }
}

/// Brackets are closed and hold something; no backslash ends the pattern.
fn well_formed(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return false,
            '[' => {
                let mut held = 0;
                loop {
                    match chars.next() {
                        None => return false,
                        Some(']') if held > 0 => break,
                        Some(']') => return false,
                        Some('^') if held == 0 => {}
                        Some('\\') if chars.next().is_none() => return false,
                        Some(_) => held += 1,
                    }
                }
            }
            _ => {}
        }
    }
    true
}

/// What kind of comparison a pattern needs.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    Exact,
    Prefix,
    Suffix,
    Regex,
}

fn compile(text: &str) -> Option<Matcher> {
    let mut need = Need::Exact;
    let mut regex = "^".to_owned();
    let mut chars = text.chars().peekable();
    let (mut at_start, mut in_class) = (true, false);
    while let Some(c) = chars.next() {
        match c {
            // Go knows no classes in classes.
            '[' if in_class => regex.push_str("\\["),
            '*' if chars.next_if_eq(&'*').is_some() => {
                // `**/` is `**`: any number of directories, also none.
                chars.next_if_eq(&'/');
                need = match (chars.peek(), need) {
                    (None, Need::Exact) => Need::Prefix,
                    _ => Need::Regex,
                };
                regex.push_str(if chars.peek().is_none() {
                    ".*"
                } else {
                    "(.*/)?"
                });
                if at_start {
                    need = Need::Suffix;
                }
            }
            '*' => {
                regex.push_str("[^/]*");
                need = Need::Regex;
            }
            '?' => {
                regex.push_str("[^/]");
                need = Need::Regex;
            }
            '\\' => {
                regex.push_str(&regex_lite::escape(&chars.next()?.to_string()));
                need = Need::Regex;
            }
            '[' | ']' => {
                regex.push(c);
                in_class = c == '[';
                need = Need::Regex;
            }
            '^' | '-' => regex.push(c),
            c => regex.push_str(&regex_lite::escape(&c.to_string())),
        }
        at_start = false;
    }
    Some(match need {
        Need::Exact => Matcher::Exact,
        Need::Prefix => Matcher::Prefix(text[..text.len() - 2].to_owned()),
        Need::Suffix => Matcher::Suffix(text[2..].to_owned()),
        Need::Regex => Matcher::Regex(Regex::new(&format!("{regex}$")).ok()?),
    })
}

#[cfg(test)]
mod tests;
