//! A failed step of the child in words.

use gantry_oci::Spec;

use crate::Error;
use crate::error::errno_text;
use crate::plan::{Command, ContainerPlan};
use crate::report::{Failure, Step};
use gantry_sys::Errno;

/// A failure of a container's first process.
pub(crate) fn container_failure(failure: Failure, spec: &Spec, plan: &ContainerPlan) -> Error {
    if let Some(error) = hook_failure(failure) {
        return error;
    }
    let item = failure.item as usize;
    match failure.step {
        step if is_mount(step) => mount_failure(failure, spec),
        Step::Cwd | Step::CwdCreate | Step::CwdOutside => {
            cwd_failure(failure, &plan.process.cwd.to_string_lossy())
        }
        _ => match item_name(failure.step, item, spec, plan) {
            Some(name) => named(failure, &name),
            None => command_failure(failure, &plan.process.command),
        },
    }
}

/// A hook that the child ran: `item` is its place and, above 16 bits, its exit status.
pub(crate) fn hook_failure(failure: Failure) -> Option<Error> {
    if !matches!(
        failure.step,
        Step::HookCreateContainer | Step::HookStartContainer
    ) {
        return None;
    }
    let why = match failure.item >> 16 {
        0 => errno_text(failure.errno),
        status => format!("exit status {status}"),
    };
    Some(Error::Hook {
        kind: failure.step.text(),
        number: (failure.item & 0xffff) as usize,
        why,
    })
}

/// A failure of a process after its container is there.
pub(crate) fn process_failure(failure: Failure, cwd: &str, command: &Command) -> Error {
    match failure.step {
        Step::Cwd | Step::CwdCreate | Step::CwdOutside => cwd_failure(failure, cwd),
        _ => command_failure(failure, command),
    }
}

/// A failure of the last steps, in the words that Docker's users know.
pub(crate) fn command_failure(failure: Failure, command: &Command) -> Error {
    let name = command.name.clone();
    let why = errno_text(failure.errno);
    match failure.step {
        Step::NotInPath => Error::CommandNotFound {
            name,
            why: failure.step.text().to_owned(),
        },
        Step::CommandStat if matches!(failure.errno, Errno::NOENT) => Error::CommandNotFound {
            why: format!("stat {name}: {why}"),
            name,
        },
        Step::CommandStat => Error::CommandNotExecutable {
            why: format!("stat {name}: {why}"),
            name,
        },
        Step::CommandDenied | Step::CommandDirectory => Error::CommandNotExecutable { name, why },
        Step::Execute => {
            let path = command
                .candidates
                .get(failure.item as usize)
                .map_or_else(|| name.clone(), |path| path.to_string_lossy().into_owned());
            execute_failure(path, failure.errno)
        }
        _ => named(failure, ""),
    }
}

/// execve's own reasons: an interpreter that is missing, a foreign format, a noexec mount.
fn execute_failure(path: String, errno: Errno) -> Error {
    let why = errno_text(errno);
    match errno {
        Errno::NOENT => Error::InterpreterNotFound { path, why },
        _ => Error::Execute { path, why },
    }
}

fn named(failure: Failure, name: &str) -> Error {
    Error::Step {
        step: failure.step.text().replace("{}", name),
        why: errno_text(failure.errno),
    }
}

fn cwd_failure(failure: Failure, cwd: &str) -> Error {
    Error::Cwd {
        path: cwd.to_owned(),
        why: if failure.step == Step::CwdOutside {
            "current working directory is outside of container mount namespace root \
             -- possible container breakout detected"
                .to_owned()
        } else {
            errno_text(failure.errno)
        },
    }
}

fn is_mount(step: Step) -> bool {
    matches!(
        step,
        Step::MountTarget
            | Step::MountLink
            | Step::MountOpen
            | Step::MountOption
            | Step::MountCreate
            | Step::MountAttach
            | Step::MountFlags
            | Step::MountPropagation
            | Step::MountInside
    )
}

fn mount_failure(failure: Failure, spec: &Spec) -> Error {
    let (source_name, destination) = ContainerPlan::mount_name(spec, failure.item as usize);
    let what = failure.step.text().replace("{}", &destination);
    let why = match (failure.step, failure.errno) {
        (Step::MountTarget, Errno::NOTDIR | Errno::ISDIR) => format!(
            "{what}: {}: Are you trying to mount a directory onto a file (or vice-versa)? \
             Check if the specified host path exists and is the expected type",
            errno_text(failure.errno)
        ),
        (Step::MountFlags, Errno::OPNOTSUPP) => {
            format!("{what}: recursive flags need Linux 5.12 or later")
        }
        _ => format!("{what}: {}", errno_text(failure.errno)),
    };
    Error::Mount {
        source_name,
        destination,
        why,
    }
}

fn item_name(step: Step, item: usize, spec: &Spec, plan: &ContainerPlan) -> Option<String> {
    let text = |path: &std::ffi::CString| path.to_string_lossy().into_owned();
    match step {
        Step::Join => plan
            .namespaces
            .by_child
            .get(item)
            .map(|j| j.name.to_owned()),
        Step::Device => plan.devices.as_ref()?.get(item).map(|d| text(&d.path)),
        Step::Masked => plan.masked.get(item).map(text),
        Step::Readonly => plan.readonly.get(item).map(text),
        Step::Sysctl => plan
            .sysctls
            .get(item)
            .map(|s| format!("{}={}", s.name, s.value)),
        Step::Rlimit => {
            let limits = &spec.process.as_ref()?.rlimits;
            limits.get(item).map(|limit| limit.kind.clone())
        }
        _ => None,
    }
}
