//! MultipleInstructionsDisallowed: only the last CMD, ENTRYPOINT or HEALTHCHECK of a stage counts.

use std::collections::BTreeMap;

use super::{Check, Findings, context::Context, context::Step};
use crate::instruction::Kind;

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    let mut last: BTreeMap<(usize, u8), &Step> = BTreeMap::new();
    for step in &context.steps {
        let kind = match step.instruction.kind {
            Kind::Cmd(_) => 0,
            Kind::Entrypoint(_) => 1,
            Kind::Healthcheck(_) => 2,
            _ => continue,
        };
        // The earlier one is told: it is the one that does nothing.
        if let Some(before) = last.insert((step.stage, kind), step) {
            let message = format!(
                "Multiple {} instructions should not be used in the same stage because only the last one will be used",
                step.instruction.keyword
            );
            findings.add(
                Check::MultipleInstructionsDisallowed,
                before.instruction.span,
                &step.instruction.comments,
                message,
            );
        }
    }
}
