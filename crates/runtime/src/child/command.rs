//! Finding and executing the program.

use std::ffi::CStr;

use gantry_sys::{Errno, process};
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags};

use super::home::Home;
use super::session;
use crate::plan::{Command, ProcessPlan};
use crate::report::{At, Failure, Outcome, Step};

/// Sets the security label that the exec will give. By the host's /proc: the container's could be
/// a trap (CVE-2019-16884).
pub(super) fn label(plan: &ProcessPlan) -> Outcome {
    let Some(label) = &plan.label else {
        return Ok(());
    };
    let mut result = Err(Errno::NOENT);
    for path in label.files {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        result = rustix::fs::openat(&plan.procfs, *path, flags, Mode::empty())
            .and_then(|file| rustix::io::write(&file, label.value.as_bytes()));
        if result.is_ok() {
            break;
        }
    }
    result.map(drop).at(Step::Label)
}

/// The first candidate that is a file the user may execute, by its place in the list.
pub(super) fn find(command: &Command) -> Outcome<usize> {
    for (item, candidate) in command.candidates.iter().enumerate() {
        match check(candidate) {
            Ok(()) => return Ok(item),
            Err(failure) if !command.searched => return Err(failure),
            Err(_) => {}
        }
    }
    Err(Errno::NOENT).at(Step::NotInPath)
}

fn check(path: &CStr) -> Outcome {
    let stat = rustix::fs::stat(path).at(Step::CommandStat)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Err(Errno::ISDIR).at(Step::CommandDirectory);
    }
    match rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        // A filter of an outer container may know no faccessat2; then execve will say.
        Err(Errno::NOSYS | Errno::PERM) => Ok(()),
        other => other.at(Step::CommandDenied),
    }
}

/// Executes the program, or init in front of it; returns only with the reason why not.
pub(super) fn execute(plan: &ProcessPlan, item: usize, home: Option<&Home>) -> Failure {
    let execute = |environment: &process::ExecStrings| {
        if plan.init.is_some() {
            process::fexecve(session::init_program(plan), &plan.arguments, environment)
        } else {
            match plan.command.candidates.get(item) {
                Some(path) => process::execve(path, &plan.arguments, environment),
                None => Errno::NOENT,
            }
        }
    };
    let errno = match home {
        Some(home) => plan.environment.with_last(home.as_c_str(), execute),
        None => execute(&plan.environment),
    };
    Failure {
        step: Step::Execute,
        errno,
        item: item as u32,
    }
}
