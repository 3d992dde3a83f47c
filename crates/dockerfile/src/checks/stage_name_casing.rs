//! StageNameCasing: names become lower case anyhow.

use super::{Check, Findings, context::Context};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for stage in &context.file.stages {
        let from = &stage.from;
        if let Some(typed) = from.typed_name.as_ref().filter(|n| **n != n.to_lowercase()) {
            let message = format!("Stage name '{typed}' should be lowercase");
            findings.add(Check::StageNameCasing, from.span, &from.comments, message);
        }
    }
}
