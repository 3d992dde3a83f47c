//! FROM.

use super::flags::Spec;
use super::read::{Request, Wrong};
use crate::error::Problem;
use crate::span::Span;
use crate::words::blank_separated;

/// The beginning of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// An image, an earlier stage or `scratch`; may hold variables.
    pub base: String,
    /// The stage's name, in lower case.
    pub name: Option<String>,
    /// The name as it was typed.
    pub typed_name: Option<String>,
    /// `AS` as it was typed.
    pub as_word: Option<String>,
    /// The platform of the base; may hold variables.
    pub platform: Option<String>,
    /// `FROM` as it was typed.
    pub keyword: String,
    /// The line, continuations joined.
    pub source: String,
    /// Where it stands.
    pub span: Span,
    /// Where its keyword stands.
    pub keyword_span: Span,
    /// The comment lines right above it.
    pub comments: Vec<String>,
}

impl From {
    /// What the comment above says of the stage: the line that begins with its name.
    pub fn description(&self) -> Option<&str> {
        describe(&self.comments, self.name.as_deref()?)
    }
}

/// The comment line that begins with a name, without it.
pub(crate) fn describe<'a>(comments: &'a [String], name: &str) -> Option<&'a str> {
    comments
        .iter()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

pub(crate) fn read(request: &Request<'_>) -> Result<From, Wrong> {
    let words = blank_separated(request.rest());
    let (base, as_word, typed) = match words.as_slice() {
        [base] => (base, None, None),
        [base, word, name] if word.eq_ignore_ascii_case("as") => (base, Some(word), Some(name)),
        _ => return Err(Problem::FromArguments.into()),
    };
    let name = typed.map(|typed| typed.to_lowercase());
    if let (Some(name), Some(typed)) = (&name, typed)
        && !is_stage_name(name)
    {
        return Err(Problem::StageName(typed.clone()).into());
    }
    let flags = request.flags(&[Spec::Text("platform")])?;
    let node = request.node;
    Ok(From {
        base: base.clone(),
        name,
        typed_name: typed.cloned(),
        as_word: as_word.cloned(),
        platform: flags.text("platform").filter(|p| !p.is_empty()),
        keyword: node.keyword.clone(),
        source: node.source.clone(),
        span: node.span,
        keyword_span: node.keyword_span,
        comments: node.comments.clone(),
    })
}

fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.'))
}
