//! NoEmptyContinuation: a blank line within an instruction.

use super::{Check, Findings, context::Context};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for span in &context.file.empty_continuations {
        let message = "Empty continuation line".to_owned();
        findings.add(Check::NoEmptyContinuation, *span, &[], message);
    }
}
