//! MaintainerDeprecated: a label says it better.

use super::{Check, Findings, context::Context};
use crate::instruction::Kind;

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    let all = context.file.stages.iter().flat_map(|s| &s.instructions);
    for instruction in all.filter(|i| matches!(i.kind, Kind::Maintainer(_))) {
        findings.add(
            Check::MaintainerDeprecated,
            instruction.span,
            &instruction.comments,
            "Maintainer instruction is deprecated in favor of using label".to_owned(),
        );
    }
}
