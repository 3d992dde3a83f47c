//! RedundantTargetPlatform: `--platform=$TARGETPLATFORM` is what happens anyhow.

use super::{Check, Findings, context::Context};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    const NAME: &str = "TARGETPLATFORM";
    for begin in &context.begins {
        let Some(platform) = &begin.platform else {
            continue;
        };
        let alone = platform.matched.len() == 1
            && platform.unmatched.is_empty()
            && platform.matched.contains(NAME);
        if alone && context.globals.env.get(NAME) == Some(&platform.text) {
            let written = begin.from.platform.as_deref().unwrap_or_default();
            let message = format!(
                "Setting platform to predefined {written} in FROM is redundant as this is the default behavior"
            );
            let from = begin.from;
            findings.add(
                Check::RedundantTargetPlatform,
                from.span,
                &from.comments,
                message,
            );
        }
    }
}
