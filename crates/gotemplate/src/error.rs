//! What can be wrong with a template.

/// Why a template could not be parsed or executed, worded as Go words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The source is not a template.
    #[error("template: :{line}: {reason}")]
    Parse {
        /// The line of the mistake, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The data do not fit the template.
    #[error("template: :{line}:{column}: executing \"\" at <{at}>: {reason}")]
    Execute {
        /// The line of the failing expression, from 1.
        line: usize,
        /// Its column, in bytes from 0 as Go counts.
        column: usize,
        /// The failing expression.
        at: String,
        /// What is wrong with it.
        reason: String,
    },
}
