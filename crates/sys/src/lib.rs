//! System calls that safe code needs and the standard library or rustix lack, one subject a file.
//!
//! This is the only crate with `unsafe` besides the runtime's launch code. Everything here is a
//! thin, typed wrapper that returns [`Errno`]; what rustix already wraps safely (the mount API,
//! capabilities, pidfds, pseudo-terminals, statx) is used from there directly and not repeated.
//! It knows nothing of containers. [`hash`] is here because every layer needs it.

pub use rustix::io::Errno;

/// The result of a system call.
pub type Result<T> = std::result::Result<T, Errno>;

pub mod bpf;
pub mod clone;
pub mod datagram;
pub mod detached;
pub mod fd_passing;
pub mod hash;
pub mod heap;
pub mod in_root;
pub mod inherited;
pub mod loopback;
pub mod memfd;
pub mod mount_attr;
pub mod namespaces;
pub mod netlink;
pub mod netns;
pub mod placement;
pub mod process;
pub mod program_text;
pub mod quota;
pub mod scheduling;
pub mod seccomp;
pub mod signals;
pub mod socket;

/// What `libc::syscall` returned, as a result.
pub(crate) fn checked(result: libc::c_long) -> Result<libc::c_long> {
    if result >= 0 {
        return Ok(result);
    }
    // SAFETY: errno is this thread's own.
    Err(Errno::from_raw_os_error(unsafe {
        *libc::__errno_location()
    }))
}
