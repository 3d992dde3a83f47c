//! New limits over old ones: what is zero or empty stays.

use gantry_api_types::Resources;

use crate::Error;

/// Takes what is given over; refuses what contradicts what is set, in Docker's words.
pub(super) fn merge(limits: &mut Resources, given: &Resources) -> Result<(), Error> {
    refuse_others(given)?;
    contradictions(limits, given)?;
    let numbers = [
        (&mut limits.cpu_shares, given.cpu_shares),
        (&mut limits.nano_cpus, given.nano_cpus),
        (&mut limits.cpu_period, given.cpu_period),
        (&mut limits.cpu_quota, given.cpu_quota),
        (&mut limits.cpu_realtime_period, given.cpu_realtime_period),
        (&mut limits.cpu_realtime_runtime, given.cpu_realtime_runtime),
        (&mut limits.memory, given.memory),
        (&mut limits.memory_swap, given.memory_swap),
        (&mut limits.memory_reservation, given.memory_reservation),
    ];
    for (limit, given) in numbers {
        if given != 0 {
            *limit = given;
        }
    }
    for (limit, given) in [
        (&mut limits.cpuset_cpus, &given.cpuset_cpus),
        (&mut limits.cpuset_mems, &given.cpuset_mems),
    ] {
        if !given.is_empty() {
            limit.clone_from(given);
        }
    }
    if given.blkio_weight != 0 {
        limits.blkio_weight = given.blkio_weight;
    }
    if let Some(pids) = given.pids_limit {
        // Anything below is Docker's way to say "no limit".
        limits.pids_limit = Some(pids.max(0));
    }
    Ok(())
}

/// The limits that the request names, with the values that hold now: what is to be written.
pub(super) fn named(now: &Resources, given: &Resources) -> Resources {
    let number = |given: i64, now: i64| if given == 0 { 0 } else { now };
    Resources {
        cpu_shares: number(given.cpu_shares, now.cpu_shares),
        nano_cpus: number(given.nano_cpus, now.nano_cpus),
        cpu_period: number(given.cpu_period, now.cpu_period),
        cpu_quota: number(given.cpu_quota, now.cpu_quota),
        cpu_realtime_period: number(given.cpu_realtime_period, now.cpu_realtime_period),
        cpu_realtime_runtime: number(given.cpu_realtime_runtime, now.cpu_realtime_runtime),
        memory: number(given.memory, now.memory),
        // Beside the memory also when only that is named, or it would be taken for twice as much.
        memory_swap: number(given.memory | given.memory_swap, now.memory_swap),
        memory_reservation: number(given.memory_reservation, now.memory_reservation),
        cpuset_cpus: given.cpuset_cpus.clone(),
        cpuset_mems: given.cpuset_mems.clone(),
        blkio_weight: given.blkio_weight,
        pids_limit: given.pids_limit.and(now.pids_limit),
        ..Resources::default()
    }
}

/// Limits that can only be given when a container is made.
fn refuse_others(given: &Resources) -> Result<(), Error> {
    let some = |list: Option<bool>| list == Some(false);
    let refused = [
        (!given.cgroup_parent.is_empty(), "CgroupParent"),
        (
            some(given.blkio_weight_device.as_ref().map(Vec::is_empty)),
            "BlkioWeightDevice",
        ),
        (
            some(given.blkio_device_read_bps.as_ref().map(Vec::is_empty)),
            "BlkioDeviceReadBps",
        ),
        (
            some(given.blkio_device_write_bps.as_ref().map(Vec::is_empty)),
            "BlkioDeviceWriteBps",
        ),
        (
            some(given.blkio_device_read_iops.as_ref().map(Vec::is_empty)),
            "BlkioDeviceReadIOps",
        ),
        (
            some(given.blkio_device_write_iops.as_ref().map(Vec::is_empty)),
            "BlkioDeviceWriteIOps",
        ),
        (some(given.devices.as_ref().map(Vec::is_empty)), "Devices"),
        (
            some(given.device_cgroup_rules.as_ref().map(Vec::is_empty)),
            "DeviceCgroupRules",
        ),
        (
            some(given.device_requests.as_ref().map(Vec::is_empty)),
            "DeviceRequests",
        ),
        (some(given.ulimits.as_ref().map(Vec::is_empty)), "Ulimits"),
        (
            given.memory_swappiness.is_some_and(|s| s != -1),
            "MemorySwappiness",
        ),
        (given.oom_kill_disable == Some(true), "OomKillDisable"),
    ];
    match refused.iter().find(|(asked, _)| *asked) {
        Some((_, name)) => Err(Error::Invalid(format!(
            "{name} cannot be changed once a container is made"
        ))),
        None => Ok(()),
    }
}

fn contradictions(now: &Resources, given: &Resources) -> Result<(), Error> {
    let conflict = |text: &str| Err(Error::WrongPhase(text.to_owned()));
    if given.nano_cpus > 0 && now.cpu_period > 0 {
        return conflict(
            "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set",
        );
    }
    if given.nano_cpus > 0 && now.cpu_quota > 0 {
        return conflict(
            "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set",
        );
    }
    if given.cpu_period > 0 && now.nano_cpus > 0 {
        return conflict(
            "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set",
        );
    }
    if given.cpu_quota > 0 && now.nano_cpus > 0 {
        return conflict(
            "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
        );
    }
    if given.memory != 0
        && given.memory > now.memory_swap
        && given.memory_swap == 0
        && now.memory_swap != -1
    {
        return conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the \
             memoryswap at the same time",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_replaces_what_was_and_is_written() {
        let mut now = Resources {
            memory: 64,
            memory_swap: 128,
            cpu_shares: 5,
            ..Resources::default()
        };
        let given = Resources {
            memory: 100,
            pids_limit: Some(-1),
            ..Resources::default()
        };
        merge(&mut now, &given).unwrap();
        assert_eq!((now.memory, now.memory_swap, now.cpu_shares), (100, 128, 5));
        let written = named(&now, &given);
        assert_eq!(
            (written.memory, written.memory_swap, written.cpu_shares),
            (100, 128, 0)
        );
        assert_eq!(written.pids_limit, Some(0));
    }

    #[test]
    fn contradictions_are_told_in_dockers_words() {
        let mut now = Resources::default();
        let more = Resources {
            memory: 100,
            ..Resources::default()
        };
        let error = merge(&mut now, &more).unwrap_err().to_string();
        assert!(
            error.starts_with("Memory limit should be smaller"),
            "{error}"
        );
        now.nano_cpus = 1;
        let quota = Resources {
            cpu_quota: 1000,
            ..Resources::default()
        };
        assert!(merge(&mut now, &quota).is_err());
        let device = Resources {
            ulimits: Some(vec![gantry_api_types::Ulimit::default()]),
            ..Resources::default()
        };
        let error = merge(&mut now, &device).unwrap_err().to_string();
        assert!(error.contains("Ulimits"), "{error}");
    }
}
