//! What happens to a system call.

use crate::Error;

/// A filter's verdict, as the kernel's `SECCOMP_RET_*` value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Action(pub(crate) u32);

/// The number of EPERM, what `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE` return unless told otherwise.
const EPERM: u32 = libc::EPERM as u32;

impl Action {
    pub(crate) const ALLOW: Self = Self(libc::SECCOMP_RET_ALLOW);
    pub(crate) const LOG: Self = Self(libc::SECCOMP_RET_LOG);
    pub(crate) const KILL_PROCESS: Self = Self(libc::SECCOMP_RET_KILL_PROCESS);
    pub(crate) const ENOSYS: Self = Self(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);

    /// By libseccomp's name.
    pub(crate) fn parse(name: &str, number: Option<u32>) -> Result<Self, Error> {
        let with_number = |base: u32| Self(base | number.unwrap_or(EPERM) & 0xffff);
        Ok(match name {
            "SCMP_ACT_ALLOW" => Self::ALLOW,
            "SCMP_ACT_LOG" => Self::LOG,
            "SCMP_ACT_ERRNO" => with_number(libc::SECCOMP_RET_ERRNO),
            "SCMP_ACT_TRACE" => with_number(libc::SECCOMP_RET_TRACE),
            "SCMP_ACT_TRAP" => Self(libc::SECCOMP_RET_TRAP),
            "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Self(libc::SECCOMP_RET_KILL_THREAD),
            "SCMP_ACT_KILL_PROCESS" => Self::KILL_PROCESS,
            "SCMP_ACT_NOTIFY" => return Err(Error::Notify),
            _ => return Err(Error::Action(name.to_owned())),
        })
    }
}
