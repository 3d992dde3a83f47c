//! LegacyKeyValueFormat: `ENV name value`.

use super::{Check, Findings, context::Context};
use crate::instruction::Kind;

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for step in &context.steps {
        let of = &step.instruction;
        let (Kind::Env(pairs) | Kind::Label(pairs)) = &of.kind else {
            continue;
        };
        if pairs.iter().any(|p| p.legacy) {
            let keyword = &of.keyword;
            let message = format!(
                "\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format"
            );
            findings.add(Check::LegacyKeyValueFormat, of.span, &of.comments, message);
        }
    }
}
