//! What this machine can limit.

use std::path::Path;
use std::sync::LazyLock;

use gantry_cgroups::{Controller, Hierarchy};

/// What this machine can limit.
#[derive(Debug, Clone, Default)]
pub(super) struct Machine {
    pub(super) memory: bool,
    pub(super) swap: bool,
    pub(super) reservation: bool,
    pub(super) swappiness: bool,
    pub(super) oom_kill_disable: bool,
    pub(super) shares: bool,
    pub(super) quota: bool,
    pub(super) realtime: bool,
    pub(super) cpuset: bool,
    pub(super) pids: bool,
    pub(super) io_weight: bool,
    pub(super) io_weight_device: bool,
    pub(super) io_throttle: bool,
    pub(super) processors: i64,
    pub(super) cpus: String,
    pub(super) mems: String,
}

pub(super) static MACHINE: LazyLock<Machine> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let described = Machine {
        processors: processors as i64,
        cpus: online("/sys/devices/system/cpu/online"),
        mems: online("/sys/devices/system/node/online"),
        ..Machine::default()
    };
    match Hierarchy::detect() {
        Ok(hierarchy) => with_controllers(&hierarchy, described),
        Err(_) => described,
    }
});

/// Whether groups can be given a share of real-time processes.
pub fn has_realtime_groups() -> bool {
    MACHINE.realtime
}

/// The files are those that the limits of `gantry_cgroups` are written to.
fn with_controllers(hierarchy: &Hierarchy, machine: Machine) -> Machine {
    use Controller as C;
    let file = |controller, v1, v2| hierarchy.has_file(controller, v1, v2);
    Machine {
        memory: hierarchy.has(C::Memory),
        swap: hierarchy.limits_swap(),
        reservation: file(C::Memory, &["memory.soft_limit_in_bytes"], &["memory.low"]),
        swappiness: file(C::Memory, &["memory.swappiness"], &[]),
        oom_kill_disable: file(C::Memory, &["memory.oom_control"], &[]),
        shares: file(C::Cpu, &["cpu.shares"], &["cpu.weight"]),
        quota: file(C::Cpu, &["cpu.cfs_quota_us"], &["cpu.max"]),
        realtime: file(C::Cpu, &["cpu.rt_runtime_us"], &[]),
        cpuset: hierarchy.has(C::Cpuset),
        pids: hierarchy.has(C::Pids),
        io_weight: file(
            C::Blkio,
            &["blkio.weight", "blkio.bfq.weight"],
            &["io.weight", "io.bfq.weight"],
        ),
        io_weight_device: file(
            C::Blkio,
            &["blkio.weight_device", "blkio.bfq.weight_device"],
            &["io.weight", "io.bfq.weight"],
        ),
        io_throttle: file(C::Blkio, &["blkio.throttle.read_bps_device"], &["io.max"]),
        ..machine
    }
}

fn online(path: &str) -> String {
    let text = std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}
