//! How a command ends when it does not end well.

use std::fmt::Display;
use std::process::ExitCode;

/// What to print on standard error, and the exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// Nothing is printed when it is empty.
    pub(crate) message: String,
}

impl Failure {
    /// An ordinary failure: status 1.
    pub(crate) fn new(message: impl Display) -> Self {
        Self {
            code: 1,
            message: message.to_string(),
        }
    }

    /// A failure with a status of its own.
    pub(crate) fn with_code(code: u8, message: impl Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    /// Only an exit status: the container's own.
    pub(crate) fn status(code: i64) -> Self {
        // A process's status has 8 bits; Docker's does the same to what does not fit.
        Self {
            code: (code & 0xff) as u8,
            message: String::new(),
        }
    }

    /// Several things failed: a line for each.
    pub(crate) fn join(failures: Vec<Failure>) -> Result<(), Self> {
        if failures.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = failures
            .into_iter()
            .map(|failure| failure.message)
            .collect();
        Err(Self::new(lines.join("\n")))
    }

    pub(crate) fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("{}", self.message);
        }
        ExitCode::from(self.code)
    }
}

impl From<gantry_client::Error> for Failure {
    fn from(error: gantry_client::Error) -> Self {
        Self::new(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}
