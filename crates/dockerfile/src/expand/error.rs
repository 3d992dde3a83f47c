//! Why a word cannot be expanded.

/// Why a word cannot be expanded. The wordings are BuildKit's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote, or whatever ends a part of `${..}`, is missing.
    #[error("unexpected end of statement while looking for matching {0}")]
    Unmatched(String),
    /// `${` without `}`.
    #[error("syntax error: missing '}}'")]
    MissingBrace,
    /// `${name/` without a second slash.
    #[error("syntax error: missing '/' in ${{}}")]
    MissingSlash,
    /// `${}`, `${{` or `${:`.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// An operator that there is not.
    #[error("unsupported modifier ({0}) in substitution")]
    Modifier(String),
    /// `${name?message}` of a variable that is not set.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What is to be told.
        message: String,
    },
    /// A pattern of `#`, `%` or `/` that cannot be used.
    #[error("invalid pattern ({pattern}) in substitution: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// More than 64 `${` in one another.
    #[error("substitutions are nested more than 64 deep")]
    TooDeep,
    /// A value of more than 4 MiB.
    #[error("the result is longer than 4 MiB")]
    TooLong,
}
