//! Classes of errors.

/// The class of an [`crate::Error`]: what a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The thing does not exist.
    NotFound,
    /// The state of something forbids it now.
    Conflict,
    /// The request is malformed or asks for something impossible.
    Invalid,
    /// Not allowed.
    Forbidden,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// Nothing had to be done.
    NotModified,
    /// Not built.
    NotImplemented,
    /// Something else that is needed is not there now, a registry for example.
    Unavailable,
    /// A fault on our side or of the machine.
    Internal,
}
