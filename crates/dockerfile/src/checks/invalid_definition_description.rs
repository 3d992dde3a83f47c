//! InvalidDefinitionDescription: a comment above a stage or an argument that does not begin with its name.

use super::{Check, Findings, context::Context};
use crate::instruction::Kind;
use crate::span::Span;

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for stage in &context.file.stages {
        if let Some(name) = &stage.from.name {
            let from = &stage.from;
            look("FROM", &[name], from.span, &from.comments, findings);
        }
    }
    let inner = context.file.stages.iter().flat_map(|s| &s.instructions);
    for instruction in context.file.global_args.iter().chain(inner) {
        if let Kind::Arg(items) = &instruction.kind {
            let names: Vec<&String> = items.iter().map(|i| &i.name).collect();
            let comments = &instruction.comments;
            look("ARG", &names, instruction.span, comments, findings);
        }
    }
}

fn look(
    keyword: &str,
    names: &[&String],
    span: Span,
    comments: &[String],
    findings: &mut Findings,
) {
    let Some(first) = comments.last().and_then(|c| c.split(' ').next()) else {
        return;
    };
    if names.iter().any(|n| *n == first) {
        return;
    }
    let example = match names {
        [name] => name.as_str(),
        _ => "<arg_key>",
    };
    let message =
        format!("Comment for {keyword} should follow the format: `# {example} <description>`");
    findings.add(Check::InvalidDefinitionDescription, span, comments, message);
}
