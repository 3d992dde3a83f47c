//! What the parent sets on the child from outside, where the child may not.

use gantry_sys::Errno;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use rustix::thread::CapabilitySet;

use crate::launch::step;
use crate::{Error, Result, Warning};

/// Writes a file of `/proc/PID` in one piece, as the maps demand.
pub(crate) fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
    std::fs::write(&path, text).map_err(|e| Error::Step {
        step: format!("write {:?} to {path}", text.trim_end()),
        why: Errno::from_io_error(&e).map_or_else(|| e.to_string(), crate::error::errno_text),
    })
}

/// Sets how ready the kernel is to kill the process for want of memory. Lowering it needs
/// CAP_SYS_RESOURCE; without that it stays, with a warning.
pub(crate) fn set_oom_score(pid: Pid, score: i32, warnings: &mut Vec<Warning>) -> Result<()> {
    let path = format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero());
    match std::fs::write(&path, score.to_string()).map_err(|e| Errno::from_io_error(&e)) {
        Ok(()) => Ok(()),
        Err(Some(Errno::ACCESS | Errno::PERM)) => {
            warnings.push(Warning {
                message: format!(
                    "oom_score_adj stays above {score}: lowering it needs CAP_SYS_RESOURCE, \
                     which this machine does not grant"
                ),
            });
            Ok(())
        }
        // It is dead already, and the link tells of what.
        Err(Some(Errno::NOENT | Errno::SRCH)) => Ok(()),
        Err(errno) => Err(step(
            &format!("write {score} to {path}"),
            errno.unwrap_or(Errno::IO),
        )),
    }
}

/// Root in a user namespace may not raise hard limits; the parent does it where it may, and the
/// child then sets the rest.
pub(crate) fn raise_limits(pid: Pid, limits: &[(Resource, Rlimit)]) -> Result<()> {
    let may = rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_RESOURCE));
    if !may {
        return Ok(());
    }
    for (resource, limit) in limits {
        let now = rustix::process::getrlimit(*resource);
        let higher = match (now.maximum, limit.maximum) {
            (Some(now), Some(asked)) => asked > now,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if higher {
            let raised = Rlimit {
                current: now.current,
                maximum: limit.maximum,
            };
            prlimit(Some(pid), *resource, raised)
                .map_err(|e| step(&format!("raise rlimit {resource:?}"), e))?;
        }
    }
    Ok(())
}
