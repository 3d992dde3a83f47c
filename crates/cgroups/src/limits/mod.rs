//! Limits to files, a resource a file, both versions side by side.

mod blkio;
mod cpu;
mod cpuset;
mod devices;
mod hugetlb;
mod memory;
mod pids;
mod unified;

use gantry_oci::Resources;

use crate::group::Home;
use crate::{Cgroup, Controller, Hierarchy, Layout, Result, Warning};

/// Sets every limit that is named.
pub(crate) fn apply(group: &Cgroup, resources: &Resources) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    let w = &mut warnings;
    if let Some(cpu) = &resources.cpu {
        cpuset::apply(group, cpu, w)?;
        cpu::apply(group, cpu, w)?;
    }
    if let Some(memory) = &resources.memory {
        memory::apply(group, memory, w)?;
    }
    if let Some(pids) = &resources.pids {
        pids::apply(group, pids, w)?;
    }
    if let Some(block_io) = &resources.block_io {
        blkio::apply(group, block_io, w)?;
    }
    hugetlb::apply(group, &resources.hugepage_limits, w)?;
    devices::apply(group, &resources.devices, w)?;
    unified::apply(group, &resources.unified, w)?;
    Ok(warnings)
}

/// The controllers that a group needs in the v2 tree.
///
/// A pure v2 machine gives every group all that count or limit. Beside v1 only what is asked for
/// and v1 lacks is enabled, because enabling changes the machine's own root group.
pub(crate) fn wanted_in_v2(hierarchy: &Hierarchy, resources: &Resources) -> Vec<Controller> {
    use Controller as C;
    if hierarchy.layout() == Layout::V2 {
        return vec![C::Cpu, C::Cpuset, C::Memory, C::Blkio, C::Pids, C::Hugetlb];
    }
    let asked = [
        (C::Cpu, resources.cpu.is_some()),
        (
            C::Cpuset,
            resources
                .cpu
                .as_ref()
                .is_some_and(|c| c.cpus.is_some() || c.mems.is_some()),
        ),
        (C::Memory, resources.memory.is_some()),
        (C::Blkio, resources.block_io.is_some()),
        (C::Pids, resources.pids.is_some()),
        (C::Hugetlb, !resources.hugepage_limits.is_empty()),
    ];
    let missing = asked
        .into_iter()
        .filter(|(c, asked)| *asked && !hierarchy.in_v1(*c));
    missing.map(|(controller, _)| controller).collect()
}

/// The controller's files, or a warning that the limit cannot be had.
fn home<'a>(
    group: &'a Cgroup,
    controller: Controller,
    limit: &'static str,
    warnings: &mut Vec<Warning>,
) -> Option<Home<'a>> {
    let home = group.home(controller);
    if home.is_none() {
        warnings.push(Warning::NoController { controller, limit });
    }
    home
}

/// A limit as v2 writes it: -1 is `max`.
fn or_max(limit: i64) -> String {
    if limit < 0 {
        "max".to_owned()
    } else {
        limit.to_string()
    }
}

/// Directories that look like a group, to see which values are written where.
#[cfg(test)]
pub(crate) mod fake {
    use crate::files::Dir;

    pub(crate) fn fake(files: &[&str]) -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(temp.path().join(file), "").unwrap();
        }
        let dir = Dir::new(temp.path());
        (temp, dir)
    }

    pub(crate) fn read(dir: &Dir, file: &str) -> String {
        std::fs::read_to_string(dir.path().join(file)).unwrap()
    }
}
