//! What can be said of a request before anything is made: at `create`, as Docker does.

use gantry_api_types::{HostConfig, Resources};
use gantry_units::CpuSet;

use super::machine::{MACHINE, Machine};
use super::security::Security;
use super::{AppArmor, SpecError, capabilities, devices, oom_score, resources, rlimits, tmpfs};

/// Bytes of the smallest memory limit: with less the kernel cannot start a process reliably.
const LEAST_MEMORY: i64 = 6 << 20;
/// Billionths.
const NANO: i64 = 1_000_000_000;

/// Refuses what [`super::build`] would refuse later and limits that cannot be meant; takes out of
/// the request what this machine cannot limit, and says so in Docker's words.
pub(crate) fn check(host: &mut HostConfig) -> Result<Vec<String>, SpecError> {
    check_on(host, &MACHINE)
}

fn check_on(host: &mut HostConfig, machine: &Machine) -> Result<Vec<String>, SpecError> {
    capabilities::check(host)?;
    Security::parse(
        host,
        AppArmor {
            enabled: true,
            default: None,
        },
    )?;
    devices::check_rules(host)?;
    tmpfs::list(host)?;
    rlimits::merged(host, &[])?;
    oom_score(host.oom_score_adj)?;
    if host.shm_size < 0 {
        return Err(limit("SHM size can not be less than 0"));
    }
    let mut warnings = Vec::new();
    let asked = &mut host.resources;
    memory(asked, machine, &mut warnings)?;
    cpu(asked, machine, &mut warnings)?;
    cpusets(asked, machine, &mut warnings)?;
    if asked.pids_limit.is_some_and(|limit| limit > 0) && !machine.pids {
        warnings.push(lacks("PIDs limit capabilities", "PIDs limit discarded."));
        asked.pids_limit = None;
    }
    block_io(asked, machine, &mut warnings)?;
    resources::limits(asked)?;
    Ok(warnings)
}

fn limit(text: impl Into<String>) -> SpecError {
    SpecError::Limit(text.into())
}

fn lacks(what: &str, then: &str) -> String {
    format!("Your kernel does not support {what} or the cgroup is not mounted. {then}")
}

fn memory(
    asked: &mut Resources,
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
    memory_files(asked, machine, warnings);
    Ok(())
}

/// Memory limits that this machine has not.
fn memory_files(asked: &mut Resources, machine: &Machine, warnings: &mut Vec<String>) {
    let mut warn = |what: &str, then: &str| warnings.push(lacks(what, then));
    if asked.memory > 0 && !machine.memory {
        warn("memory limit capabilities", "Limitation discarded.");
        asked.memory = 0;
        asked.memory_swap = -1;
    }
    if asked.memory > 0 && asked.memory_swap != -1 && !machine.swap {
        warn("swap limit capabilities", "Memory limited without swap.");
        asked.memory_swap = -1;
    }
    if asked.memory_swappiness.is_some_and(|s| s != -1) && !machine.swappiness {
        warn(
            "memory swappiness capabilities",
            "Memory swappiness discarded.",
        );
        asked.memory_swappiness = None;
    }
    if asked.memory_reservation > 0 && !machine.reservation {
        warn("memory soft limit capabilities", "Limitation discarded.");
        asked.memory_reservation = 0;
    }
    if asked.kernel_memory > 0 || asked.kernel_memory_tcp > 0 {
        // Gone from the kernel since 5.11 (v1) and never in v2.
        warn("kernel memory limit capabilities", "Limitation discarded.");
        (asked.kernel_memory, asked.kernel_memory_tcp) = (0, 0);
    }
    let mut disabled = asked.oom_kill_disable == Some(true);
    if disabled && !machine.oom_kill_disable {
        warnings.push(
            "Your kernel does not support OomKillDisable. OomKillDisable discarded.".to_owned(),
        );
        asked.oom_kill_disable = None;
        disabled = false;
    }
    if disabled && asked.memory == 0 {
        warnings.push(
            "OOM killer is disabled for the container, but no memory limit is set, this can \
             result in the system running out of resources."
                .to_owned(),
        );
    }
}

fn cpu(
    asked: &mut Resources,
    machine: &Machine,
    warnings: &mut Vec<String>,
) -> Result<(), SpecError> {
    let nano = asked.nano_cpus;
    for (value, name) in [(asked.cpu_period, "Period"), (asked.cpu_quota, "Quota")] {
        if nano > 0 && value > 0 {
            return Err(limit(format!(
                "Conflicting options: Nano CPUs and CPU {name} cannot both be set."
            )));
        }
    }
    if nano > 0 && !machine.quota {
        return Err(limit(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the \
             cgroup is not mounted",
        ));
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
    if asked.cpu_percent > 0 {
        warnings.push("linux does not support CPU percent. Percent discarded.".to_owned());
        asked.cpu_percent = 0;
    }
    if asked.cpu_shares > 0 && !machine.shares {
        warnings.push(lacks("CPU shares", "Shares discarded."));
        asked.cpu_shares = 0;
    }
    if (asked.cpu_period != 0 || asked.cpu_quota != 0) && !machine.quota {
        warnings.push(
            "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."
                .to_owned(),
        );
        (asked.cpu_period, asked.cpu_quota) = (0, 0);
    }
    realtime(asked, machine)
}

fn realtime(asked: &Resources, machine: &Machine) -> Result<(), SpecError> {
    let (period, runtime) = (asked.cpu_realtime_period, asked.cpu_realtime_runtime);
    if (period != 0 || runtime != 0) && !machine.realtime {
        return Err(limit("kernel does not support CPU real-time scheduler"));
    }
    if period != 0 && runtime > period {
        return Err(limit(
            "cpu real-time runtime cannot be higher than cpu real-time period",
        ));
    }
    Ok(())
}

fn cpusets(
    asked: &mut Resources,
    machine: &Machine,
    warnings: &mut Vec<String>,
) -> Result<(), SpecError> {
    let any = !asked.cpuset_cpus.is_empty() || !asked.cpuset_mems.is_empty();
    if any && !machine.cpuset {
        warnings.push(lacks("cpuset", "Cpuset discarded."));
        asked.cpuset_cpus.clear();
        asked.cpuset_mems.clear();
    }
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
    asked: &mut Resources,
    machine: &Machine,
    warnings: &mut Vec<String>,
) -> Result<(), SpecError> {
    let in_range = |weight: u16| weight == 0 || (10..=1000).contains(&weight);
    if !in_range(asked.blkio_weight) {
        return Err(limit("Range of blkio weight is from 10 to 1000"));
    }
    if asked.io_maximum_bandwidth != 0 || asked.io_maximum_iops != 0 {
        return Err(limit(
            "Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps",
        ));
    }
    if asked.blkio_weight != 0 && !machine.io_weight {
        warnings.push(lacks("Block I/O weight", "Weight discarded."));
        asked.blkio_weight = 0;
    }
    let mut none = Vec::new();
    let weights = asked.blkio_weight_device.as_mut().unwrap_or(&mut none);
    if !weights.is_empty() && !machine.io_weight_device {
        warnings.push(lacks("Block I/O weight_device", "Weight-device discarded."));
        weights.clear();
    }
    if !weights.iter().all(|device| in_range(device.weight)) {
        return Err(limit("Range of blkio weight is from 10 to 1000"));
    }
    if !machine.io_throttle {
        let lists = [
            (&mut asked.blkio_device_read_bps, "BPS", "read"),
            (&mut asked.blkio_device_write_bps, "BPS", "write"),
            (&mut asked.blkio_device_read_iops, "IOPS", "read"),
            (&mut asked.blkio_device_write_iops, "IOPS", "write"),
        ];
        for (list, unit, way) in lists {
            if list.as_ref().is_some_and(|list| !list.is_empty()) {
                warnings.push(throttle_discarded(unit, way));
                *list = Some(Vec::new());
            }
        }
    }
    Ok(())
}

fn throttle_discarded(unit: &str, way: &str) -> String {
    // Docker's two sorts have their words in another order.
    let what = match unit {
        "BPS" => format!("BPS Block I/O {way} limit"),
        _ => format!("{unit} Block {way} limit"),
    };
    let then = format!("Block I/O {unit} {way} limit discarded.");
    lacks(&what, &then)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            memory: true,
            swap: true,
            reservation: true,
            swappiness: true,
            oom_kill_disable: true,
            shares: true,
            quota: true,
            realtime: true,
            cpuset: true,
            pids: true,
            io_weight: true,
            io_weight_device: true,
            io_throttle: true,
            processors: 2,
            cpus: "0-1".to_owned(),
            mems: "0".to_owned(),
        }
    }

    fn checked(change: impl Fn(&mut Resources)) -> Result<Vec<String>, String> {
        let mut host = HostConfig::default();
        change(&mut host.resources);
        check_on(&mut host, &machine()).map_err(|e| e.to_string())
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
        let warnings = check_on(&mut host, &bare).unwrap();
        assert!(warnings[0].ends_with("Memory limited without swap."));
        let nothing = Machine {
            processors: 2,
            quota: true,
            cpus: "0-1".to_owned(),
            ..Machine::default()
        };
        host.resources.blkio_weight = 100;
        host.resources.oom_kill_disable = Some(true);
        let warnings = check_on(&mut host, &nothing).unwrap();
        assert_eq!(warnings.len(), 5, "{warnings:?}");
        assert_eq!(
            warnings[4],
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight \
             discarded."
        );
        // What is discarded is not shown by inspect either, nor warned of again.
        assert_eq!(host.resources.blkio_weight, 0);
        assert_eq!(check_on(&mut host, &nothing).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn names_are_checked_too() {
        let mut host = HostConfig {
            cap_drop: Some(vec!["fly".to_owned()]),
            ..HostConfig::default()
        };
        let error = check_on(&mut host, &machine()).unwrap_err().to_string();
        assert_eq!(error, "invalid CapDrop: unknown capability: \"CAP_FLY\"");
        let options = Some(vec!["what=ever".to_owned()]);
        let mut host = HostConfig {
            security_opt: options,
            ..HostConfig::default()
        };
        assert!(check_on(&mut host, &machine()).is_err());
    }
}
