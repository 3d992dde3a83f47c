//! The small PID 1 of `--init`: starts the real program, forwards signals to it, reaps orphans.
//!
//! It does what tini does behind Docker's `--init`. The program runs in a process group of its
//! own, in the terminal's foreground if there is a terminal, so that Ctrl-C reaches it once and
//! not through us.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use gantry_sys::clone::{Clone3, Side};
use gantry_sys::signals::{self, SignalSet};
use gantry_sys::{Errno, process};
use rustix::process::{Pid, WaitOptions};

/// The name under which it runs, as Docker's is seen in `ps`; dispatch on this `argv[0]`.
pub const NAME: &str = "/sbin/docker-init";

/// Signals that are ours to feel: faults of our own, and what the kernel sends for terminals.
const OWN: [i32; 9] = [
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// Runs `arguments` (`docker-init -- PROGRAM ARG...`, without the first) until the program ends,
/// and returns its exit code (128 + n for signal n).
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.skip_while(|argument| argument == "--");
    let Some(program) = arguments.next() else {
        return complain("no program to run", 127);
    };
    let mut command = Command::new(&program);
    command.args(arguments);
    let _ = rustix::thread::set_name(c"docker-init");
    match start(&mut command) {
        Ok((pid, pidfd)) => watch(pid, &pidfd),
        Err(errno) => complain(&format!("cannot start {}: {errno}", program.display()), 126),
    }
}

fn forwarded() -> SignalSet {
    OWN.into_iter().fold(SignalSet::ALL, SignalSet::without)
}

fn start(command: &mut Command) -> Result<(Pid, OwnedFd), Errno> {
    signals::set_mask(forwarded().with(libc::SIGTTOU).with(libc::SIGTTIN))?;
    // SAFETY: this process has one thread, and the child executes or exits.
    match unsafe { Clone3::default().call() }? {
        Side::Parent { pid, pidfd } => Ok((pid, pidfd)),
        Side::Child => {
            let _ = rustix::process::setpgid(None, None);
            // SIGTTOU is blocked until the exec, or this would stop us.
            let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), rustix::process::getpid());
            signals::reset_handlers();
            let _ = signals::set_mask(SignalSet::NONE);
            // Searches $PATH; returns only with an error.
            let error = command.exec();
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            complain(
                &format!("exec {}: {error}", command.get_program().display()),
                0,
            );
            process::exit(if missing { 127 } else { 126 })
        }
    }
}

/// Forwards signals and reaps until the program has ended.
fn watch(program: Pid, pidfd: &OwnedFd) -> ExitCode {
    loop {
        match signals::wait(forwarded()) {
            Ok(libc::SIGCHLD) => {
                if let Some(code) = reap(program) {
                    return ExitCode::from(code);
                }
            }
            Ok(signal) => {
                let _ = process::send_signal(pidfd.as_fd(), signal);
            }
            Err(_) => {}
        }
    }
}

/// Reaps everything that has ended; says how the program did if it was among them.
fn reap(program: Pid) -> Option<u8> {
    let mut code = None;
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if pid == program {
            let signal = status.terminating_signal().map(|signal| 128 + signal);
            code = Some(status.exit_status().or(signal).unwrap_or(255) as u8);
        }
    }
    code
}

fn complain(message: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "docker-init: {message}");
    ExitCode::from(code)
}
