//! ReservedStageName: `scratch` and `context` mean something else.

use super::{Check, Findings, context::Context};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for stage in &context.file.stages {
        let from = &stage.from;
        if let Some(name @ ("context" | "scratch")) = from.name.as_deref() {
            let message =
                format!("Stage name should not use the same name as reserved stage {name:?}");
            findings.add(Check::ReservedStageName, from.span, &from.comments, message);
        }
    }
}
