//! FromAsCasing: `FROM .. as`.

use super::{Check, Findings, context::Context};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for stage in &context.file.stages {
        let from = &stage.from;
        let Some(word) = &from.as_word else {
            continue;
        };
        // A keyword of mixed case is another check's business.
        let wanted = match &from.keyword {
            k if *k == k.to_lowercase() => word.to_lowercase(),
            k if *k == k.to_uppercase() => word.to_uppercase(),
            _ => continue,
        };
        if *word != wanted {
            let message = format!(
                "'{word}' and '{}' keywords' casing do not match",
                from.keyword
            );
            findings.add(Check::FromAsCasing, from.span, &from.comments, message);
        }
    }
}
