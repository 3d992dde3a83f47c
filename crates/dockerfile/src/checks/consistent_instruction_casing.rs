//! ConsistentInstructionCasing: all keywords in upper case, or all in lower case.

use super::{Check, Findings, context::Context};
use crate::span::Span;

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    let mut keywords: Vec<(&str, Span, &[String])> = Vec::new();
    for stage in &context.file.stages {
        let from = &stage.from;
        keywords.push((&from.keyword, from.keyword_span, &from.comments));
        for i in &stage.instructions {
            keywords.push((&i.keyword, i.keyword_span, &i.comments));
        }
    }
    let is_lower = |k: &str| k == k.to_lowercase();
    let is_upper = |k: &str| k == k.to_uppercase();
    let lower = keywords.iter().filter(|(k, ..)| is_lower(k)).count();
    let upper = keywords.iter().filter(|(k, ..)| is_upper(k)).count();
    let to_lower = lower > upper;
    for (keyword, span, comments) in keywords {
        let fits = if to_lower {
            is_lower(keyword)
        } else {
            is_upper(keyword)
        };
        if !fits {
            let case = if to_lower { "lowercase" } else { "uppercase" };
            let message = format!(
                "Command '{keyword}' should match the case of the command majority ({case})"
            );
            findings.add(Check::ConsistentInstructionCasing, span, comments, message);
        }
    }
}
