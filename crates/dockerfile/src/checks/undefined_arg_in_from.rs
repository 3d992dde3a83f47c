//! UndefinedArgInFrom: FROM only sees ARGs above the first FROM.

use super::{Check, Findings, context::Context};
use crate::suggest::{hint, nearest};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    let globals = &context.globals;
    for begin in &context.begins {
        let platform = begin.platform.iter().flat_map(|p| &p.unmatched);
        let unmatched = begin.base.unmatched.iter().chain(platform);
        for name in unmatched.filter(|n| !globals.declared.contains(*n)) {
            let declared = globals.declared.iter().map(String::as_str);
            let suggestion = nearest(name, globals.env.names().chain(declared), true);
            let message = format!(
                "FROM argument '{name}' is not declared{}",
                hint(suggestion.as_ref())
            );
            let from = begin.from;
            findings.add(
                Check::UndefinedArgInFrom,
                from.span,
                &from.comments,
                message,
            );
        }
    }
}
