//! What can be said of a request before anything is made: at `create`, as Docker does.

use std::path::Path;
use std::sync::LazyLock;

use gantry_api_types::{HostConfig, Resources};
use gantry_cgroups::{Controller, Hierarchy};
use gantry_units::CpuSet;

use super::security::Security;
use super::{SpecError, capabilities, devices, oom_score, resources, rlimits, tmpfs};

/// Bytes of the smallest memory limit: with less the kernel cannot start a process reliably.
const LEAST_MEMORY: i64 = 6 << 20;
/// Billionths.
const NANO: i64 = 1_000_000_000;

/// What this machine can limit.
#[derive(Debug, Clone, Default)]
struct Machine {
    memory: bool,
    swap: bool,
    cpu: bool,
    pids: bool,
    blkio: bool,
    processors: i64,
    cpus: String,
    mems: String,
}

static MACHINE: LazyLock<Machine> = LazyLock::new(|| {
    let hierarchy = Hierarchy::detect().ok();
    let has = |controller| hierarchy.as_ref().is_some_and(|h| h.has(controller));
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Machine {
        memory: has(Controller::Memory),
        swap: hierarchy.as_ref().is_some_and(Hierarchy::limits_swap),
        cpu: has(Controller::Cpu),
        pids: has(Controller::Pids),
        blkio: has(Controller::Blkio),
        processors: processors as i64,
        cpus: online("/sys/devices/system/cpu/online"),
        mems: online("/sys/devices/system/node/online"),
    }
});

fn online(path: &str) -> String {
    let text = std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// Refuses what [`super::build`] would refuse later and limits that cannot be meant; returns
/// warnings about limits that this machine does not have, in Docker's words.
pub(crate) fn check(host: &HostConfig) -> Result<Vec<String>, SpecError> {
    check_on(host, &MACHINE)
}

fn check_on(host: &HostConfig, machine: &Machine) -> Result<Vec<String>, SpecError> {
    capabilities::check(host)?;
    Security::parse(host, true)?;
    devices::check_rules(host)?;
    tmpfs::list(host)?;
    rlimits::merged(host, &[])?;
    oom_score(host.oom_score_adj)?;
    if host.shm_size < 0 {
        return Err(limit("SHM size can not be less than 0"));
    }
    let mut warnings = Vec::new();
    memory(&host.resources, machine, &mut warnings)?;
    cpu(&host.resources, machine, &mut warnings)?;
    cpusets(&host.resources, machine)?;
    if host.resources.pids_limit.is_some_and(|limit| limit > 0) && !machine.pids {
        warnings.push(discarded("PIDs limit capabilities"));
    }
    block_io(&host.resources, machine, &mut warnings)?;
    resources::limits(&host.resources)?;
    Ok(warnings)
}

fn limit(text: impl Into<String>) -> SpecError {
    SpecError::Limit(text.into())
}

fn discarded(what: &str) -> String {
    format!(
        "Your kernel does not support {what} or the cgroup is not mounted. Limitation discarded."
    )
}

fn memory(
    asked: &Resources,
    machine: &Machine,
    warnings: &mut Vec<String>,
) -> Result<(), SpecError> {
    let (memory, swap, soft) = (asked.memory, asked.memory_swap, asked.memory_reservation);
    if memory != 0 && memory < LEAST_MEMORY {
        return Err(limit("Minimum memory limit allowed is 6MB"));
    }
    if memory > 0 && swap > 0 && swap < memory {
        return Err(limit(
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ));
    }
    if memory == 0 && swap > 0 {
        return Err(limit(
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ));
    }
    if asked
        .memory_swappiness
        .is_some_and(|s| !(-1..=100).contains(&s))
    {
        let given = asked.memory_swappiness.unwrap_or_default();
        return Err(limit(format!(
            "Invalid value: {given}, valid memory swappiness range is 0-100"
        )));
    }
    if soft != 0 && soft < LEAST_MEMORY {
        return Err(limit("Minimum memory reservation allowed is 6MB"));
    }
    if memory > 0 && soft > memory {
        return Err(limit(
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ));
    }
    if memory > 0 && !machine.memory {
        warnings.push(discarded("memory limit capabilities"));
    } else if memory > 0 && swap != -1 && !machine.swap {
        warnings.push(
            "Your kernel does not support swap limit capabilities or the cgroup is not mounted. \
             Memory limited without swap."
                .to_owned(),
        );
    }
    if asked.oom_kill_disable == Some(true) && memory == 0 {
        warnings.push(
            "OOM killer is disabled for the container, but no memory limit is set, this can \
             result in the system running out of resources."
                .to_owned(),
        );
    }
    Ok(())
}

fn cpu(asked: &Resources, machine: &Machine, warnings: &mut Vec<String>) -> Result<(), SpecError> {
    let nano = asked.nano_cpus;
    for (value, name) in [(asked.cpu_period, "Period"), (asked.cpu_quota, "Quota")] {
        if nano > 0 && value > 0 {
            return Err(limit(format!(
                "Conflicting options: Nano CPUs and CPU {name} cannot both be set."
            )));
        }
    }
    if nano < 0 || nano > machine.processors.saturating_mul(NANO) {
        let count = machine.processors;
        return Err(limit(format!(
            "range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available"
        )));
    }
    if asked.cpu_period != 0 && !(1_000..=1_000_000).contains(&asked.cpu_period) {
        return Err(limit(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ));
    }
    if asked.cpu_quota > 0 && asked.cpu_quota < 1_000 {
        return Err(limit("CPU cfs quota can not be less than 1ms (i.e. 1000)"));
    }
    if asked.cpu_shares < 0 {
        return Err(limit(format!(
            "invalid CPU shares ({}): value must be a positive integer",
            asked.cpu_shares
        )));
    }
    let any = nano != 0 || asked.cpu_period != 0 || asked.cpu_quota != 0 || asked.cpu_shares != 0;
    if any && !machine.cpu {
        warnings.push(discarded("CPU limit capabilities"));
    }
    Ok(())
}

fn cpusets(asked: &Resources, machine: &Machine) -> Result<(), SpecError> {
    let sets = [
        (&asked.cpuset_cpus, &machine.cpus, "cpus", "CPUs"),
        (&asked.cpuset_mems, &machine.mems, "mems", "memory nodes"),
    ];
    for (given, available, word, name) in sets {
        let set: CpuSet = given
            .parse()
            .map_err(|_| limit(format!("Invalid value {given} for cpuset {word}")))?;
        // What cannot be read here is the kernel's to refuse.
        if available.parse().is_ok_and(|all| !set.is_within(&all)) {
            return Err(limit(format!(
                "Requested {name} are not available - requested {given}, available: {available}"
            )));
        }
    }
    Ok(())
}

fn block_io(
    asked: &Resources,
    machine: &Machine,
    warnings: &mut Vec<String>,
) -> Result<(), SpecError> {
    let weights = asked
        .blkio_weight_device
        .iter()
        .flatten()
        .map(|device| device.weight);
    for weight in weights.chain([asked.blkio_weight]) {
        if weight != 0 && !(10..=1000).contains(&weight) {
            return Err(limit("Range of blkio weight is from 10 to 1000"));
        }
    }
    if asked.blkio_weight != 0 && !machine.blkio {
        warnings.push(discarded("Block I/O weight"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            memory: true,
            swap: true,
            cpu: true,
            pids: true,
            blkio: true,
            processors: 2,
            cpus: "0-1".to_owned(),
            mems: "0".to_owned(),
        }
    }

    fn checked(change: impl Fn(&mut Resources)) -> Result<Vec<String>, String> {
        let mut host = HostConfig::default();
        change(&mut host.resources);
        check_on(&host, &machine()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_dockers_words() {
        let error = |change: fn(&mut Resources)| checked(change).unwrap_err();
        assert_eq!(
            error(|r| r.memory = 1 << 20),
            "Minimum memory limit allowed is 6MB"
        );
        assert!(error(|r| r.memory_swap = 1 << 30).starts_with("You should always set the Memory"));
        assert_eq!(
            error(|r| r.nano_cpus = 3 * NANO),
            "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
        );
        assert_eq!(
            error(|r| r.cpuset_cpus = "1-4".to_owned()),
            "Requested CPUs are not available - requested 1-4, available: 0-1"
        );
        assert_eq!(
            error(|r| r.cpuset_mems = "x".into()),
            "Invalid value x for cpuset mems"
        );
        assert!(error(|r| r.blkio_weight = 5).starts_with("Range of blkio weight"));
        assert!(error(|r| r.cpu_quota = 10).starts_with("CPU cfs quota"));
    }

    #[test]
    fn what_is_fine_passes_and_what_lacks_is_told() {
        let fine = |r: &mut Resources| {
            r.memory = 64 << 20;
            r.nano_cpus = NANO / 2;
            r.pids_limit = Some(10);
            r.cpuset_cpus = "0,1".to_owned();
        };
        assert_eq!(checked(fine).unwrap(), Vec::<String>::new());
        let mut host = HostConfig::default();
        fine(&mut host.resources);
        let bare = Machine {
            memory: true,
            ..Machine {
                swap: false,
                ..machine()
            }
        };
        let warnings = check_on(&host, &bare).unwrap();
        assert!(warnings[0].ends_with("Memory limited without swap."));
        let nothing = Machine {
            processors: 2,
            cpus: "0-1".to_owned(),
            ..Machine::default()
        };
        assert_eq!(check_on(&host, &nothing).unwrap().len(), 3);
    }

    #[test]
    fn names_are_checked_too() {
        let host = HostConfig {
            cap_drop: Some(vec!["fly".to_owned()]),
            ..HostConfig::default()
        };
        let error = check_on(&host, &machine()).unwrap_err().to_string();
        assert_eq!(error, "invalid CapDrop: unknown capability: \"CAP_FLY\"");
        let options = Some(vec!["what=ever".to_owned()]);
        let host = HostConfig {
            security_opt: options,
            ..HostConfig::default()
        };
        assert!(check_on(&host, &machine()).is_err());
    }
}
