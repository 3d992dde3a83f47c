//! WorkdirRelativePath: relative to whatever the base image says.

use super::{Check, Findings, context::Context};
use crate::instruction::Kind;

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for step in context.steps.iter().filter(|s| !s.workdir_set) {
        if let Kind::Workdir(path) = &step.applied.kind
            && !path.starts_with('/')
        {
            let message = format!(
                "Relative workdir {path:?} can have unexpected results if the base image changes"
            );
            let of = &step.instruction;
            findings.add(Check::WorkdirRelativePath, of.span, &of.comments, message);
        }
    }
}
