//! System calls that safe code needs and the standard library or rustix lack, one subject a file.
//!
//! This is the only crate with `unsafe` besides the runtime's post-clone path. Everything here is
//! a thin, typed wrapper that returns [`Errno`]; what rustix already wraps safely is used from
//! there directly and not repeated. It knows nothing of containers.

pub use rustix::io::Errno;

/// The result of a system call.
pub type Result<T> = std::result::Result<T, Errno>;

pub mod fd_passing;
pub mod memfd;
pub mod netlink;
pub mod netns;
