//! Killing a whole group.

use std::collections::HashSet;

use rustix::process::{Signal, kill_process};

use crate::{Cgroup, Layout, Pid, Result};

/// How often the processes are looked up again when nothing can hold them still.
const ROUNDS: usize = 100;

/// Kills everything inside.
///
/// `cgroup.kill` (v2, Linux 5.14) does it at once. Elsewhere the group is frozen first, so that
/// it cannot fork faster than it is killed; a frozen v1 process dies when it is thawed.
pub(crate) fn kill(group: &Cgroup) -> Result<()> {
    let at_once = group
        .v2
        .as_ref()
        .is_some_and(|v2| v2.dir.try_write("cgroup.kill", "1").is_ok());
    if at_once && group.layout() == Layout::V2 {
        return Ok(());
    }
    // Beside v1, a process may be in the v1 groups only: `exec` by another tool, an older kernel.
    if !at_once && group.freeze().is_ok() {
        let killed = signal_all(group, &mut HashSet::new());
        group.thaw()?;
        return killed.map(drop);
    }
    let mut known = HashSet::new();
    for _ in 0..ROUNDS {
        if !signal_all(group, &mut known)? {
            break;
        }
    }
    Ok(())
}

/// Signals all processes; true if there was one that was not signalled before.
fn signal_all(group: &Cgroup, known: &mut HashSet<i32>) -> Result<bool> {
    let mut any_new = false;
    for pid in group.procs()? {
        any_new |= known.insert(Pid::as_raw(Some(pid)));
        // Gone already is as good.
        let _ = kill_process(pid, Signal::KILL);
    }
    Ok(any_new)
}
