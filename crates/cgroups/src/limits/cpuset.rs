//! Which processors and memory nodes (`cgroup-v1/cpusets.rst`; the files are v2's too).

use gantry_oci::Cpu;

use super::home;
use crate::group::Home;
use crate::{Cgroup, Controller, Result, Warning};

const LIMIT: &str = "cpuset";

pub(super) fn apply(group: &Cgroup, cpu: &Cpu, warnings: &mut Vec<Warning>) -> Result<()> {
    let given = |set: &'_ Option<String>| set.clone().filter(|s| !s.is_empty());
    let files = [
        ("cpuset.cpus", given(&cpu.cpus)),
        ("cpuset.mems", given(&cpu.mems)),
    ];
    if files.iter().all(|(_, set)| set.is_none()) {
        return Ok(());
    }
    let Some(Home::V1(dir) | Home::V2(dir)) = home(group, Controller::Cpuset, LIMIT, warnings)
    else {
        return Ok(());
    };
    for (file, set) in files {
        if let Some(set) = set {
            dir.limit(file, &set, LIMIT, warnings)?;
        }
    }
    Ok(())
}
