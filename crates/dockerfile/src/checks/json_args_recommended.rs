//! JSONArgsRecommended: in the shell form, signals go to the shell.

use super::{Check, Findings, context::Context};
use crate::instruction::{CommandLine, Kind};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    // Whoever sets a shell means it.
    for step in context.steps.iter().filter(|s| !s.own_shell) {
        let of = &step.instruction;
        if let Kind::Cmd(CommandLine::Shell { .. }) | Kind::Entrypoint(CommandLine::Shell { .. }) =
            &of.kind
        {
            let message = format!(
                "JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
                of.keyword
            );
            findings.add(Check::JsonArgsRecommended, of.span, &of.comments, message);
        }
    }
}
