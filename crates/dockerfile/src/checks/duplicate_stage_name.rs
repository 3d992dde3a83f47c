//! DuplicateStageName: the second stage hides the first.

use std::collections::BTreeSet;

use super::{Check, Findings, context::Context};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for stage in &context.file.stages {
        let from = &stage.from;
        if let Some(name) = &from.name
            && !seen.insert(name)
        {
            let message = format!("Duplicate stage name {name:?}, stage names should be unique");
            findings.add(
                Check::DuplicateStageName,
                from.span,
                &from.comments,
                message,
            );
        }
    }
}
