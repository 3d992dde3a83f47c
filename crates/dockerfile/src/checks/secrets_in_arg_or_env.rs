//! SecretsUsedInArgOrEnv: what is in ARG or ENV is in the image's history for all to read.

use super::{Check, Findings, context::Context};
use crate::instruction::Kind;

const SECRET: [&str; 10] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
];
const HARMLESS: [&str; 3] = ["public", "file", "version"];

pub(super) fn run(context: &Context<'_>, findings: &mut Findings) {
    for step in &context.steps {
        let of = &step.instruction;
        let (keyword, names): (_, Vec<&String>) = match &step.applied.kind {
            Kind::Arg(items) => ("ARG", items.iter().map(|i| &i.name).collect()),
            Kind::Env(pairs) => ("ENV", pairs.iter().map(|p| &p.key).collect()),
            _ => continue,
        };
        for name in names.into_iter().filter(|n| is_secret(n)) {
            let message = format!(
                "Do not use ARG or ENV instructions for sensitive data ({keyword} {name:?})"
            );
            findings.add(Check::SecretsUsedInArgOrEnv, of.span, &of.comments, message);
        }
    }
}

/// A whole word of the name, between underscores, says so.
fn is_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    has(&SECRET) && !has(&HARMLESS)
}
