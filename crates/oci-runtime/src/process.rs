//! Processes by their number.

use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use crate::{Error, Result};

/// When a process started, in the kernel's ticks; nothing if it is gone or only waits to be reaped.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which may hold anything, ends at the last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // The 22nd field of the file; the state is the third.
    let started = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(started)
}

/// Whether the process is the one that was meant, and has not ended.
pub(crate) fn lives(pid: i32, started: u64) -> bool {
    start_time(pid) == Some(started)
}

pub(crate) fn open(pid: i32) -> Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(Error::NotRunning)?;
    pidfd_open(pid, PidfdFlags::empty()).map_err(|_| Error::NotRunning)
}

pub(crate) fn signal(pidfd: &OwnedFd, signal: i32) -> Result<()> {
    gantry_sys::process::send_signal(pidfd.as_fd(), signal).map_err(|errno| match errno {
        rustix::io::Errno::SRCH => Error::NotRunning,
        errno => Error::kernel("send the signal")(errno),
    })
}

/// Waits for a child and gives its exit code, 128 + signal if it was killed.
pub(crate) fn wait(pidfd: &OwnedFd) -> Result<u8> {
    let status = loop {
        match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other.map_err(Error::kernel("wait for the process"))?,
        }
    };
    let code = status.and_then(|status| {
        let signal = || status.terminating_signal().map(|signal| 128 + signal);
        status.exit_status().or_else(signal)
    });
    Ok(code.unwrap_or(255) as u8)
}

/// `9`, `KILL` or `SIGKILL`.
pub(crate) fn signal_number(text: &str) -> Result<i32> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = text
        .parse()
        .ok()
        .filter(|number| (0..=64).contains(number))
        .or_else(|| Some(NAMES.iter().position(|known| *known == name)? as i32 + 1))
        .or_else(|| Some(34 + name.strip_prefix("RTMIN+")?.parse::<i32>().ok()?));
    number.ok_or_else(|| Error::Usage(format!("unknown signal {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [("9", 9), ("KILL", 9), ("sigterm", 15), ("RTMIN+1", 35)] {
            assert_eq!(signal_number(text).unwrap(), number);
        }
        signal_number("SIGWHAT").unwrap_err();
    }

    #[test]
    fn this_process_lives() {
        let pid = std::process::id() as i32;
        assert!(lives(pid, start_time(pid).unwrap()));
        assert!(!lives(pid, 1));
    }
}
