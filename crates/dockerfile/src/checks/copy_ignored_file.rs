//! CopyIgnoredFile: what `.dockerignore` keeps out cannot be copied.

use super::{Check, Findings, context::Context};
use crate::ignore::{Ignore, clean};
use crate::instruction::Kind;

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    // With exclusions it cannot be told: a file within a directory that is out may be in.
    let Some(ignore) = context.input.ignore.filter(|i| !i.has_exclusions()) else {
        return;
    };
    for step in &context.steps {
        let (verb, sources) = match &step.applied.kind {
            Kind::Copy(copy) if copy.from.is_none() => ("Copy", &copy.sources),
            Kind::Add(add) => ("Add", &add.sources),
            _ => continue,
        };
        for path in sources.paths.iter().filter(|p| !p.contains("://")) {
            let path = clean(path);
            if is_out(ignore, &path) {
                let message =
                    format!("Attempting to {verb} file {path:?} that is excluded by .dockerignore");
                let of = &step.instruction;
                findings.add(Check::CopyIgnoredFile, of.span, &of.comments, message);
            }
        }
    }
}

/// The context itself is only out when everything in it is.
fn is_out(ignore: &Ignore, path: &str) -> bool {
    let root = matches!(path, "." | "/");
    (!root || ignore.drops_all()) && ignore.matches(path)
}
