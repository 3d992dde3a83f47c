//! Small calls about the calling process and others.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr;

use crate::{Errno, Result, checked};

/// Ends the process at once: no destructors, no buffers flushed.
pub fn exit(code: i32) -> ! {
    // SAFETY: exit_group takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Strings as execve(2) takes them: made beforehand, used without allocating.
pub struct ExecStrings {
    strings: Vec<CString>,
    pointers: Vec<Cell<*const c_char>>,
}

// SAFETY: the pointers lead into the heap blocks of `strings`, which nobody changes and which move
// with them.
unsafe impl Send for ExecStrings {}

impl ExecStrings {
    /// Takes the strings.
    pub fn new(strings: Vec<CString>) -> Self {
        let mut pointers: Vec<_> = strings.iter().map(|s| Cell::new(s.as_ptr())).collect();
        // One null ends the list; the one before it is room for `with_last`.
        pointers.extend([Cell::new(ptr::null()), Cell::new(ptr::null())]);
        Self { strings, pointers }
    }

    /// The strings.
    pub fn as_slice(&self) -> &[CString] {
        &self.strings
    }

    /// Calls `run` with `last` as a further string at the end, without allocating.
    pub fn with_last<T>(&self, last: &CStr, run: impl FnOnce(&Self) -> T) -> T {
        let slot = self.pointers.get(self.strings.len());
        if let Some(slot) = slot {
            slot.set(last.as_ptr());
        }
        let result = run(self);
        if let Some(slot) = slot {
            slot.set(ptr::null());
        }
        result
    }
}

impl fmt::Debug for ExecStrings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.strings.fmt(f)
    }
}

/// Executes the program at `path`; returns only to say why not.
pub fn execve(path: &CStr, arguments: &ExecStrings, environment: &ExecStrings) -> Errno {
    // SAFETY: all strings end in NUL, both lists end in a null pointer, all are alive.
    let result = unsafe {
        libc::syscall(
            libc::SYS_execve,
            path.as_ptr(),
            arguments.pointers.as_ptr(),
            environment.pointers.as_ptr(),
        )
    };
    checked(result).err().unwrap_or(Errno::INVAL)
}

/// Executes the program that `file` is (execveat(2) with `AT_EMPTY_PATH`).
pub fn fexecve(file: impl AsFd, arguments: &ExecStrings, environment: &ExecStrings) -> Errno {
    // SAFETY: as in `execve`; the path is the empty string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_fd().as_raw_fd(),
            c"".as_ptr(),
            arguments.pointers.as_ptr(),
            environment.pointers.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    checked(result).err().unwrap_or(Errno::INVAL)
}

/// The working directory as the kernel says it, without allocating: it starts with `/` unless the
/// directory cannot be reached from the root (`(unreachable)`).
pub fn working_directory(buffer: &mut [u8]) -> Result<&CStr> {
    // SAFETY: the kernel writes at most `len` bytes, NUL included.
    let n = checked(unsafe { libc::syscall(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len()) })?;
    let written = buffer.get(..n as usize).ok_or(Errno::RANGE)?;
    CStr::from_bytes_with_nul(written).map_err(|_| Errno::INVAL)
}

/// Joins the session keyring of this name, or makes it (keyctl(2)).
pub fn join_session_keyring(name: &CStr) -> Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: the name ends in NUL and is only read.
    checked(unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr())
    })?;
    Ok(())
}

/// Makes `number` a copy of a descriptor, close-on-exec; what `number` was is closed.
///
/// # Safety
/// Nobody may use what `number` meant before.
pub unsafe fn place(fd: BorrowedFd<'_>, number: i32) -> Result<()> {
    // SAFETY: dup3 touches no memory; the caller answers for the descriptor.
    checked(unsafe { libc::syscall(libc::SYS_dup3, fd.as_raw_fd(), number, libc::O_CLOEXEC) })?;
    Ok(())
}

/// Closes every descriptor from `first` on.
///
/// # Safety
/// Nobody may use one of them any more, nor drop its owner.
pub unsafe fn close_from(first: u32) -> Result<()> {
    // SAFETY: close_range touches no memory; the caller answers for the descriptors.
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) })?;
    Ok(())
}

/// Closes one descriptor, if it is open.
///
/// # Safety
/// Nobody may use it any more, nor drop its owner.
pub unsafe fn close_one(fd: u32) -> Result<()> {
    // SAFETY: close_range touches no memory; the caller answers for the descriptor.
    checked(unsafe { libc::syscall(libc::SYS_close_range, fd, fd, 0) })?;
    Ok(())
}

/// Sends a signal by its number (pidfd_send_signal(2)); 0 only asks whether the process is there.
///
/// Real-time signals too, which rustix's typed signals leave out.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    // SAFETY: a null siginfo is allowed.
    checked(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            ptr::null::<libc::siginfo_t>(),
            0,
        )
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_directory_is_absolute() {
        let mut buffer = [0; 4096];
        let here = working_directory(&mut buffer).unwrap();
        assert_eq!(
            here.to_str().unwrap(),
            std::env::current_dir().unwrap().to_str().unwrap()
        );
        assert_eq!(working_directory(&mut [0; 1]).unwrap_err(), Errno::RANGE);
    }

    #[test]
    fn a_missing_program_is_enoent() {
        let none = ExecStrings::new(vec![]);
        assert_eq!(execve(c"/no/such", &none, &none), Errno::NOENT);
    }
}
