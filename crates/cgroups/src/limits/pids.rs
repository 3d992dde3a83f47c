//! Number of processes (`cgroup-v1/pids.rst`; the file is v2's too).

use gantry_oci::Pids;

use super::{home, or_max};
use crate::group::Home;
use crate::{Cgroup, Controller, Result, Warning};

pub(super) fn apply(group: &Cgroup, pids: &Pids, warnings: &mut Vec<Warning>) -> Result<()> {
    // Zero is "not given" to Docker and runc.
    if pids.limit == 0 {
        return Ok(());
    }
    match home(group, Controller::Pids, "pids limit", warnings) {
        Some(Home::V1(dir) | Home::V2(dir)) => dir.write("pids.max", &or_max(pids.limit)),
        None => Ok(()),
    }
}
