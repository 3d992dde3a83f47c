//! UndefinedVar: a variable that nothing sets.

use super::{Check, Findings, context::Context};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for step in &context.steps {
        for undefined in &step.applied.undefined {
            let hint = match &undefined.suggestion {
                Some(name) => format!(" (did you mean ${name}?)"),
                None => String::new(),
            };
            let message = format!("Usage of undefined variable '${}'{hint}", undefined.name);
            let of = &step.instruction;
            findings.add(Check::UndefinedVar, of.span, &of.comments, message);
        }
    }
}
