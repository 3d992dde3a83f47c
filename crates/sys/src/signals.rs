//! Signal masks and handlers, signals as descriptors (sigprocmask(2), signalfd(2)).

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use crate::{Errno, Result, checked};

/// The highest signal number, and the size of the kernel's set in bits.
pub const MAX: i32 = 64;

/// A set of signals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    /// Every signal.
    pub const ALL: Self = Self(u64::MAX);
    /// None.
    pub const NONE: Self = Self(0);

    /// The set with this signal too.
    #[must_use]
    pub fn with(self, signal: i32) -> Self {
        Self(self.0 | Self::bit(signal))
    }

    /// The set without this signal.
    #[must_use]
    pub fn without(self, signal: i32) -> Self {
        Self(self.0 & !Self::bit(signal))
    }

    /// Whether it is in the set.
    pub fn contains(self, signal: i32) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    fn bit(signal: i32) -> u64 {
        if (1..=MAX).contains(&signal) {
            1 << (signal - 1)
        } else {
            0
        }
    }
}

impl FromIterator<i32> for SignalSet {
    fn from_iter<I: IntoIterator<Item = i32>>(signals: I) -> Self {
        signals.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Sets the calling thread's mask of blocked signals and returns the one before.
pub fn set_mask(blocked: SignalSet) -> Result<SignalSet> {
    let mut before = 0u64;
    // SAFETY: both sets have the kernel's size, 8 bytes, and live through the call.
    checked(unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const blocked.0,
            &raw mut before,
            size_of::<u64>(),
        )
    })?;
    Ok(SignalSet(before))
}

/// Gives every signal its default effect again, ignored ones included (Rust's start-up ignores
/// SIGPIPE, and execve(2) keeps that).
pub fn reset_handlers() {
    // The kernel's sigaction: handler, flags, restorer, mask; all zero is SIG_DFL.
    let default = [0u64; 4];
    for signal in 1..=MAX {
        // SAFETY: the structure is the kernel's and is only read. SIGKILL and SIGSTOP answer
        // EINVAL, which changes nothing.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                ptr::null_mut::<u64>(),
                size_of::<u64>(),
            );
        }
    }
}

/// Waits for one of the signals, which the thread must have blocked, and returns its number.
pub fn wait(signals: SignalSet) -> Result<i32> {
    // SAFETY: the set has the kernel's size; no siginfo, no time limit.
    let signal = checked(unsafe {
        libc::syscall(
            libc::SYS_rt_sigtimedwait,
            &raw const signals.0,
            ptr::null_mut::<libc::siginfo_t>(),
            ptr::null::<libc::timespec>(),
            size_of::<u64>(),
        )
    })?;
    Ok(signal as i32)
}

/// A descriptor that is readable when one of some blocked signals is pending.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Close-on-exec and non-blocking. Block the signals first, by [`set_mask`].
    pub fn new(signals: SignalSet) -> Result<Self> {
        // SAFETY: the set has the kernel's size and is only read.
        let fd = checked(unsafe {
            libc::syscall(
                libc::SYS_signalfd4,
                -1,
                &raw const signals.0,
                size_of::<u64>(),
                libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
            )
        })?;
        // SAFETY: a new descriptor, ours alone.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    /// The next pending signal, if there is one.
    pub fn read(&self) -> Result<Option<i32>> {
        let mut buffer = [MaybeUninit::uninit(); size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(&self.0, &mut buffer) {
            Ok((bytes, _)) => {
                let number = bytes.first_chunk().ok_or(Errno::IO)?;
                Ok(Some(u32::from_ne_bytes(*number) as i32))
            }
            Err(Errno::AGAIN) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_is_read_from_its_descriptor() {
        let before = set_mask(SignalSet::NONE.with(libc::SIGUSR2)).unwrap();
        let signals = SignalFd::new(SignalSet::NONE.with(libc::SIGUSR2)).unwrap();
        assert_eq!(signals.read().unwrap(), None);
        let thread = rustix::thread::gettid();
        let process = rustix::process::getpid();
        // SAFETY: the signal is blocked in the thread that it is sent to.
        unsafe {
            libc::syscall(
                libc::SYS_tgkill,
                process.as_raw_nonzero().get(),
                thread.as_raw_nonzero().get(),
                libc::SIGUSR2,
            );
        }
        assert_eq!(signals.read().unwrap(), Some(libc::SIGUSR2));
        set_mask(before).unwrap();
    }

    #[test]
    fn sets() {
        let set: SignalSet = [1, 64, 99].into_iter().collect();
        assert!(set.contains(1) && set.contains(64) && !set.contains(99) && !set.contains(2));
        assert_eq!(set.without(1).without(64), SignalSet::NONE);
    }
}
