//! InvalidDefaultArgInFrom: without build arguments, FROM names no image.

use gantry_reference::Reference;

use super::{Check, Findings, context::Context};
use crate::scope::{BuildOptions, Globals};

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    let options = BuildOptions {
        build_args: std::collections::BTreeMap::new(),
        ..context.input.options.clone()
    };
    // What cannot be expanded without build arguments is told by the build.
    let Ok(globals) = Globals::new(context.file, &options) else {
        return;
    };
    for stage in &context.file.stages {
        let from = &stage.from;
        let Ok(base) = globals.expand(&from.base) else {
            return;
        };
        if Reference::parse(&base.text).is_err() {
            let message = format!(
                "Default value for ARG {} results in empty or invalid base image name",
                from.base
            );
            findings.add(
                Check::InvalidDefaultArgInFrom,
                from.span,
                &from.comments,
                message,
            );
        }
    }
}
