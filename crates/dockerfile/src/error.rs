//! Why a Dockerfile cannot be read. The wordings are BuildKit's where scripts look for them.

use crate::span::Span;
use crate::suggest::hint;

/// What is wrong with a Dockerfile, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub problem: Problem,
    /// Where, if it is in one place.
    pub span: Option<Span>,
    /// The first line of the instruction that cannot be understood; it stands in the message.
    instruction: Option<u32>,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.instruction {
            Some(line) => write!(f, "dockerfile parse error on line {line}: {}", self.problem),
            None => self.problem.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// A problem at a place.
    pub fn at(problem: Problem, span: Span) -> Self {
        Self {
            problem,
            span: Some(span),
            instruction: None,
        }
    }

    /// A problem of an instruction: its message tells the line, unless BuildKit's does not.
    pub(crate) fn instruction(problem: Problem, span: Span, line: u32) -> Self {
        let told = !matches!(
            problem,
            Problem::JsonNotStrings
                | Problem::TwoArguments(_)
                | Problem::NotKeyValue(_)
                | Problem::NoStage
        );
        Self {
            problem,
            span: Some(span),
            instruction: told.then_some(line),
        }
    }

    /// The place and the lines around it, as text for a terminal.
    pub fn excerpt(&self, file: &str, source: &[u8]) -> Option<String> {
        self.span
            .map(|span| crate::span::excerpt(file, source, span))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            span: None,
            instruction: None,
        }
    }
}

/// What can be wrong.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("the Dockerfile cannot be empty")]
    Empty,
    #[error("file with no instructions")]
    NoInstructions,
    #[error("dockerfile contains no stages to build")]
    NoStages,
    #[error("no build stage in current context")]
    NoStage,
    #[error("dockerfile line greater than max allowed size of 65535")]
    LineTooLong,
    #[error("only one {0} parser directive can be used")]
    DirectiveTwice(String),
    #[error("invalid escape token '{0}' does not match ` or \\")]
    EscapeToken(String),
    #[error("invalid check option {0:?}")]
    CheckOption(String),
    #[error("unterminated heredoc")]
    HeredocEnd,
    #[error("unknown instruction: {name}{}", hint(.suggestion.as_ref()))]
    UnknownInstruction {
        name: String,
        suggestion: Option<String>,
    },
    #[error("unknown flag: {name}{}", hint(.suggestion.as_ref()))]
    UnknownFlag {
        name: String,
        suggestion: Option<String>,
    },
    #[error("duplicate flag specified: {0}")]
    FlagTwice(String),
    #[error("missing a value on flag: {0}")]
    FlagValue(String),
    #[error("expecting boolean value for flag {flag}, not: {value}")]
    FlagBool { flag: String, value: String },
    #[error("{0} requires at least one argument")]
    AtLeastOne(&'static str),
    #[error("{0} requires exactly one argument")]
    ExactlyOne(&'static str),
    #[error(
        "{0} requires at least two arguments, but only one was provided. Destination could not be determined"
    )]
    Destination(&'static str),
    #[error("{0} cannot accept a heredoc as a destination")]
    HeredocDestination(&'static str),
    #[error("{0} names can not be blank")]
    BlankName(&'static str),
    #[error("{0} must have two arguments")]
    TwoArguments(&'static str),
    #[error("Syntax error - can't find = in {0:?}. Must be of the form: name=value")]
    NotKeyValue(String),
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    JsonNotStrings,
    #[error("{0} requires the arguments to be in JSON form")]
    NotJson(&'static str),
    #[error("FROM requires either one or three arguments")]
    FromArguments,
    #[error(
        "invalid name for build stage: {0:?}, name can't start with a number or contain symbols"
    )]
    StageName(String),
    #[error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    OnbuildChain,
    #[error("{0} isn't allowed as an ONBUILD trigger")]
    OnbuildTrigger(String),
    #[error("onbuild trigger should be a single expression")]
    OnbuildSingle,
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthNone,
    #[error("Missing command after HEALTHCHECK CMD")]
    HealthCommand,
    #[error("Unknown type {0:?} in HEALTHCHECK (try CMD)")]
    HealthType(String),
    #[error("Interval {0:?} cannot be less than 1ms")]
    HealthInterval(&'static str),
    #[error("time: invalid duration {0:?}")]
    Duration(String),
    #[error("invalid number of retries {0:?}: it must be a whole number")]
    Retries(String),
    #[error("--retries cannot be negative ({0})")]
    RetriesNegative(i64),
    #[error("VOLUME specified can not be an empty string")]
    EmptyVolume,
    #[error("invalid network mode {0:?}")]
    Network(String),
    #[error("security {0:?} is not valid")]
    Security(String),
    #[error("failed to parse csv {0}: a double quote stands in the wrong place")]
    Csv(&'static str),
    #[error("invalid field '{0}' must be a key=value pair")]
    FieldValue(String),
    #[error("unexpected key '{key}' in '{field}'{}", hint(.suggestion.as_ref()))]
    FieldKey {
        key: String,
        field: String,
        suggestion: Option<String>,
    },
    #[error("unexpected key '{key}' for mount type '{kind}'")]
    MountKey { key: String, kind: &'static str },
    #[error("'{0}' doesn't support variable expansion, define alias stage instead")]
    MountFromVariable(String),
    #[error("unsupported mount type {value:?}{}", hint(.suggestion.as_ref()))]
    MountType {
        value: String,
        suggestion: Option<String>,
    },
    #[error("unsupported sharing value {value:?}{}", hint(.suggestion.as_ref()))]
    MountSharing {
        value: String,
        suggestion: Option<String>,
    },
    #[error("invalid value for {key}: {value}")]
    FieldInvalid { key: String, value: String },
    #[error("invalid value {value} for {key}")]
    MountNumber { key: String, value: String },
    #[error("{key} not allowed for {kind:?} type mounts")]
    MountOwner {
        key: &'static str,
        kind: &'static str,
    },
    #[error("secret mount should not have a from")]
    SecretFrom,
    #[error("secret mount should not define sharing")]
    SecretSharing,
    #[error("invalid secret mount. one of source, target required")]
    SecretTarget,
    #[error("both source and id can't be set")]
    SecretSourceAndId,
    #[error("invalid cache sharing set for {0} mount")]
    SharingKind(&'static str),
    #[error("device name already set to {0}")]
    DeviceTwice(String),
    #[error("failed to process {word:?}: {reason}")]
    Expansion {
        word: String,
        reason: crate::expand::ExpandError,
    },
    #[error("base name ({0}) should not be blank")]
    BlankBase(String),
    #[error("failed to parse stage name {0:?}: {1}")]
    BaseName(String, String),
    #[error(
        "failed to parse platform {0}: {0:?}: cannot parse platform specifier: invalid argument"
    )]
    BasePlatform(String),
    #[error("empty platform value from expression {0}")]
    EmptyPlatform(String),
    #[error(
        "failed to parse platform {0}: it must be os[/architecture[/variant]] or an architecture"
    )]
    Platform(String),
    #[error(
        "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround"
    )]
    CopyFromVariable,
    #[error("invalid stage index {0}")]
    StageIndex(i64),
    #[error("target stage {name:?} could not be found{}", hint(.suggestion.as_ref()))]
    Target {
        name: String,
        suggestion: Option<String>,
    },
    #[error("circular dependency detected on stage: {0}")]
    Circular(String),
    #[error(
        "cannot copy from stage {from:?}, it needs to be defined before current stage {stage:?}"
    )]
    CopyLater { from: String, stage: String },
    #[error(
        "cannot mount from stage {from:?}, stage needs to be defined before current stage {stage:?}"
    )]
    MountLater { from: String, stage: String },
    #[error("invalid port: {port:?}: {reason}")]
    Port { port: String, reason: String },
    #[error("invalid {what}: {value}")]
    PortPart { what: &'static str, value: String },
    #[error("invalid ranges specified for container and host Ports: {container} and {host}")]
    PortRanges { container: String, host: String },
    #[error("illegal exclusion pattern: \"!\"")]
    IgnoreExclusion,
    #[error("syntax error in pattern {0:?}")]
    IgnorePattern(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_named_by_its_line() {
        let problem = Problem::UnknownInstruction {
            name: "RUM".to_owned(),
            suggestion: Some("RUN".to_owned()),
        };
        let error = Error::instruction(problem, Span::line(2, 3), 2);
        assert_eq!(
            error.to_string(),
            "dockerfile parse error on line 2: unknown instruction: RUM (did you mean RUN?)"
        );
    }
}
