//! ExposeProtoCasing and ExposeInvalidFormat.

use super::{Check, Findings, context::Context};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for step in &context.steps {
        let of = &step.instruction;
        for (word, port) in &step.applied.ports {
            if port.odd_case {
                let message =
                    format!("Defined protocol '{word}' in EXPOSE instruction should be lowercase");
                findings.add(Check::ExposeProtoCasing, of.span, &of.comments, message);
            }
            if port.published {
                let message = format!(
                    "EXPOSE instruction should not define an IP address or host-port mapping, found '{word}'"
                );
                findings.add(Check::ExposeInvalidFormat, of.span, &of.comments, message);
            }
        }
    }
}
