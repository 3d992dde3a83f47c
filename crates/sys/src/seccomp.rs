//! Installing a system-call filter (seccomp(2)).

use crate::{Errno, Result, checked};

/// One BPF instruction, as the kernel's `struct sock_filter`.
pub use libc::sock_filter;

/// Installs a filter on the calling thread for good. Needs no_new_privs or CAP_SYS_ADMIN.
///
/// `flags` are `SECCOMP_FILTER_FLAG_*`; those that make a listener are refused (`EINVAL`).
pub fn install(instructions: &[sock_filter], flags: u32) -> Result<()> {
    if flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32 != 0 {
        return Err(Errno::INVAL);
    }
    let program = libc::sock_fprog {
        len: u16::try_from(instructions.len()).map_err(|_| Errno::INVAL)?,
        filter: instructions.as_ptr().cast_mut(),
    };
    // SAFETY: the program points to `len` instructions that live through the call and that the
    // kernel only reads. A filter that kills the caller is the caller's wish.
    checked(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    })?;
    Ok(())
}
