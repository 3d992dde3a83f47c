//! BuildKit's build checks: what is allowed but most likely not meant.

mod bases;
mod config;
mod context;
mod list;

mod consistent_instruction_casing;
mod copy_ignored_file;
mod duplicate_stage_name;
mod expose;
mod from_as_casing;
mod from_platform_const;
mod invalid_default_arg_in_from;
mod invalid_definition_description;
mod json_args_recommended;
mod legacy_key_value_format;
mod maintainer_deprecated;
mod multiple_instructions;
mod no_empty_continuation;
mod redundant_target_platform;
mod reserved_stage_name;
mod secrets_in_arg_or_env;
mod stage_name_casing;
mod undefined_arg_in_from;
mod undefined_var;
mod workdir_relative_path;

pub use config::CheckConfig;
pub use context::{BaseImage, CheckInput};
pub use list::Check;

use crate::document::Dockerfile;
use crate::error::Error;
use crate::span::Span;
use context::Context;

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// What it found.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// What all checks found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// By line.
    pub findings: Vec<Finding>,
    /// Whether findings make the build fail: `# check=error=true`.
    pub as_error: bool,
    /// A FROM whose image or platform no build could read.
    pub unreadable: Option<Error>,
}

impl Report {
    /// The error that findings are, if they are to be one.
    pub fn error(&self) -> Option<String> {
        if !self.as_error || self.findings.is_empty() {
            return None;
        }
        let mut names: Vec<&str> = self.findings.iter().map(|f| f.check.name()).collect();
        names.sort_unstable();
        names.dedup();
        Some(format!(
            "lint violation found for rules: {}",
            names.join(", ")
        ))
    }
}

/// Collects what is not skipped.
struct Findings {
    config: CheckConfig,
    found: Vec<Finding>,
}

impl Findings {
    /// Notes a finding; `comments` are those above the instruction, which may skip the check.
    fn add(&mut self, check: Check, span: Span, comments: &[String], message: String) {
        if self.config.with_comments(comments).runs(check) {
            self.found.push(Finding {
                check,
                message,
                span,
            });
        }
    }
}

const CHECKS: [fn(&Context<'_>, &mut Findings); 20] = [
    no_empty_continuation::run,
    maintainer_deprecated::run,
    stage_name_casing::run,
    from_as_casing::run,
    invalid_definition_description::run,
    reserved_stage_name::run,
    duplicate_stage_name::run,
    consistent_instruction_casing::run,
    invalid_default_arg_in_from::run,
    undefined_arg_in_from::run,
    redundant_target_platform::run,
    from_platform_const::run,
    undefined_var::run,
    legacy_key_value_format::run,
    secrets_in_arg_or_env::run,
    multiple_instructions::run,
    json_args_recommended::run,
    workdir_relative_path::run,
    copy_ignored_file::run,
    expose::run,
];

/// Runs all checks. An error is one that the build would have, too.
pub fn check(file: &Dockerfile, input: &CheckInput<'_>) -> Result<Report, Error> {
    let config = match &input.config {
        Some(config) => config.clone(),
        None => CheckConfig::of(file)?,
    };
    let as_error = config.error;
    let context = Context::new(file, input)?;
    let mut findings = Findings {
        config,
        found: Vec::new(),
    };
    for check in CHECKS {
        check(&context, &mut findings);
    }
    let mut findings = findings.found;
    findings.sort_by_key(|f| (f.span.start.line, f.check));
    Ok(Report {
        findings,
        as_error,
        unreadable: bases::unreadable(&context),
    })
}

#[cfg(test)]
mod tests;
