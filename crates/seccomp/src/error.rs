//! What can be wrong with a filter.

/// What is wrong with a profile or filter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The profile is not JSON of the right form.
    #[error("decoding seccomp profile failed: {0}")]
    Json(#[from] serde_json::Error),
    /// `architectures` and `archMap` exclude each other.
    #[error("use either 'architectures' or 'archMap', not both")]
    BothArchitectures,
    /// `name` and `names` exclude each other.
    #[error(
        "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'"
    )]
    BothNames,
    /// A kernel version that cannot be read.
    #[error("invalid kernel version {0:?} in the seccomp profile: write it as \"4.8\"")]
    KernelVersion(String),
    /// An action that does not exist.
    #[error("unknown seccomp action {0:?}")]
    Action(String),
    /// A comparison that does not exist.
    #[error("unknown seccomp operator {0:?}")]
    Operator(String),
    /// An architecture that does not exist.
    #[error("unknown seccomp architecture {0:?}")]
    Architecture(String),
    /// A flag that does not exist.
    #[error("unknown seccomp flag {0:?}")]
    Flag(String),
    /// System calls have six arguments.
    #[error(
        "seccomp rule for {syscall} names argument {index}: system calls have arguments 0 to 5"
    )]
    ArgumentIndex {
        /// The rule's system call.
        syscall: String,
        /// What was asked for.
        index: u32,
    },
    /// A supervisor would have to answer every call.
    #[error(
        "seccomp action \"SCMP_ACT_NOTIFY\" is not supported yet: it needs a listening supervisor; \
         use another action"
    )]
    Notify,
    /// The kernel takes 4096 instructions at most.
    #[error("seccomp filter is too long: {0} instructions, the kernel takes at most 4096")]
    TooLong(usize),
}
