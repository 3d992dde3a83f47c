//! A further process in a running container.

use std::os::fd::BorrowedFd;

use gantry_sys::clone::Clone3;
use gantry_sys::namespaces::bits;
use rustix::process::Pid;

use crate::child::{self, Target};
use crate::describe::process_failure;
use crate::launch::{Ended, Launched, pid_of};
use crate::plan::{Join, ProcessPlan, Settings};
use crate::process_files::{raise_limits, set_oom_score};
use crate::{Error, Exec, Manner, Result, Running};

/// Runs a further process in a running container; returns when its program executes.
pub fn exec(mut exec: Exec<'_>) -> Result<Running> {
    if exec.cgroup.is_frozen().unwrap_or(false) {
        return Err(Error::Paused);
    }
    let target_pid = pid_of(exec.target)?;
    let target = Target {
        pidfd: exec.target,
        cgroup: exec.cgroup.join_fds()?,
        user_namespace: has_other_user_namespace(target_pid)?,
    };
    // The number named the target only if that is still there now.
    gantry_sys::process::send_signal(exec.target, 0).map_err(|_| Error::TargetGone)?;
    let settings = Settings {
        process: exec.process,
        seccomp: exec.seccomp,
        own_user_namespace: target.user_namespace,
        keyring: exec.cgroup.path().rsplit('/').next().unwrap_or_default(),
        manner: Manner {
            preserve: exec.preserve,
            ..Manner::default()
        },
    };
    let mut plan = ProcessPlan::new(settings, &mut exec.stdio, None)?;
    let mut launched = clone(&target, &plan, exec.cgroup.into_fd())?;
    let mut warnings = std::mem::take(&mut plan.warnings);
    if let Some(score) = plan.oom_score_adj {
        set_oom_score(launched.pid(), score, &mut warnings)?;
    }
    if target.user_namespace {
        raise_limits(launched.pid(), &plan.rlimits)?;
    }
    let why = |ended| match ended {
        Ended::Failed(failure) => {
            process_failure(failure, &plan.cwd.to_string_lossy(), &plan.command)
        }
        Ended::Silent => Error::Died,
        Ended::Here(error) => error,
    };
    launched.until_ready(|_| Ok(())).map_err(why)?;
    let child = launched.execute().map_err(why)?;
    Ok(Running {
        child,
        terminal: launched.terminal.take(),
        warnings,
    })
}

/// Clones a child into the target's PID namespace; the child joins the others.
fn clone(
    target: &Target<'_>,
    plan: &ProcessPlan,
    cgroup: Option<BorrowedFd<'_>>,
) -> Result<Launched> {
    let namespace = rustix::io::fcntl_dupfd_cloexec(target.pidfd, 0)
        .map_err(|e| crate::launch::step("copy the container's pidfd", e))?;
    let join = Join {
        namespace,
        kind: bits::PID,
        name: "pid",
    };
    let clone = Clone3 {
        cgroup,
        ..Clone3::default()
    };
    Launched::clone(clone, &[join], |link| child::further(target, plan, link))
}

/// Whether the target's user namespace is another than ours: joining one's own is an error.
fn has_other_user_namespace(target: Pid) -> Result<bool> {
    let inode = |path: &str| {
        rustix::fs::stat(path)
            .map(|stat| (stat.st_dev, stat.st_ino))
            .map_err(|_| Error::TargetGone)
    };
    let theirs = inode(&format!("/proc/{}/ns/user", target.as_raw_nonzero()))?;
    Ok(theirs != inode("/proc/thread-self/ns/user")?)
}
