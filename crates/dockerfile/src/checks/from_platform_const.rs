//! FromPlatformFlagConstDisallowed: a constant platform makes the image useless elsewhere.

use super::{Check, Findings, context::Context};
use crate::platform::Platform;

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for begin in &context.begins {
        let Some(platform) = &begin.platform else {
            continue;
        };
        if !platform.matched.is_empty() || !platform.unmatched.is_empty() {
            continue;
        }
        let Ok(parsed) = Platform::parse(&platform.text) else {
            continue;
        };
        // A stage that is named after its platform is meant so.
        let name = begin.from.name.as_deref().unwrap_or_default();
        if name.contains(&parsed.os) || name.contains(&parsed.architecture) {
            continue;
        }
        let message = format!(
            "FROM --platform flag should not use constant value {:?}",
            platform.text
        );
        let from = begin.from;
        findings.add(
            Check::FromPlatformFlagConstDisallowed,
            from.span,
            &from.comments,
            message,
        );
    }
}
