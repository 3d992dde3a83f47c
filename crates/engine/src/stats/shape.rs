//! The kernel's figures in Docker's form, which differs between cgroup v1 and v2.

use std::collections::BTreeMap;

use gantry_api_types as api;
use gantry_api_types::ContainerStats;
use gantry_cgroups::{BlkioEntry, CpuStats, MemoryStats, PidsStats, Stats};

use super::source::Machine;

/// Keys of v1's `memory.stat` that Docker passes on, each also with `total_` in front.
const V1_KEYS: [&str; 15] = [
    "active_anon",
    "active_file",
    "cache",
    "dirty",
    "inactive_anon",
    "inactive_file",
    "mapped_file",
    "pgfault",
    "pgmajfault",
    "pgpgin",
    "pgpgout",
    "rss",
    "rss_huge",
    "unevictable",
    "writeback",
];
/// The same of v2.
const V2_KEYS: [&str; 35] = [
    "active_anon",
    "active_file",
    "anon",
    "anon_thp",
    "file",
    "file_dirty",
    "file_mapped",
    "file_writeback",
    "inactive_anon",
    "inactive_file",
    "kernel_stack",
    "pgactivate",
    "pgdeactivate",
    "pgfault",
    "pglazyfree",
    "pglazyfreed",
    "pgmajfault",
    "pgrefill",
    "pgscan",
    "pgsteal",
    "shmem",
    "slab",
    "slab_reclaimable",
    "slab_unreclaimable",
    "sock",
    "thp_collapse_alloc",
    "thp_fault_alloc",
    "unevictable",
    "workingset_activate",
    "workingset_nodereclaim",
    "workingset_refault",
    "workingset_refault_anon",
    "workingset_refault_file",
    "workingset_activate_anon",
    "workingset_activate_file",
];

/// Fills in what a cgroup says.
pub(super) fn sample(named: ContainerStats, stats: Stats, machine: &Machine) -> ContainerStats {
    let v1 = stats.memory.v1;
    ContainerStats {
        pids_stats: pids(&stats.pids, v1),
        blkio_stats: if v1 {
            v1_block_io(&stats.blkio.service_bytes, &stats.blkio.serviced)
        } else {
            v2_block_io(&stats.blkio.service_bytes)
        },
        cpu_stats: cpu(stats.cpu, machine),
        memory_stats: memory(stats.memory, machine),
        ..named
    }
}

fn cpu(stats: CpuStats, machine: &Machine) -> api::CpuStats {
    api::CpuStats {
        cpu_usage: api::CpuUsage {
            total_usage: stats.total,
            percpu_usage: stats.per_cpu,
            usage_in_kernelmode: stats.system,
            usage_in_usermode: stats.user,
        },
        system_cpu_usage: machine.cpu,
        online_cpus: machine.processors,
        throttling_data: api::ThrottlingData {
            periods: stats.throttling.periods,
            throttled_periods: stats.throttling.throttled_periods,
            throttled_time: stats.throttling.throttled_time,
        },
    }
}

fn memory(stats: MemoryStats, machine: &Machine) -> api::MemoryStats {
    let keep = |key: &str| {
        if stats.v1 {
            let bare = key.strip_prefix("total_").unwrap_or(key);
            bare.starts_with("hierarchical_") || V1_KEYS.contains(&bare)
        } else {
            V2_KEYS.contains(&key)
        }
    };
    let detail: BTreeMap<String, u64> = stats
        .detail
        .iter()
        .filter(|(key, _)| keep(key))
        .map(|(k, v)| (k.clone(), *v))
        .collect();
    api::MemoryStats {
        usage: stats.usage,
        max_usage: if stats.v1 { stats.max_usage } else { 0 },
        stats: detail,
        failcnt: stats.failcnt,
        // No limit is the machine's.
        limit: stats.limit.min(machine.memory),
    }
}

fn pids(stats: &PidsStats, v1: bool) -> api::PidsStats {
    api::PidsStats {
        current: stats.current,
        // Of v1, Docker leaves out a limit that is none; of v2, it is the largest number.
        limit: if v1 && stats.limit == u64::MAX {
            0
        } else {
            stats.limit
        },
    }
}

fn v1_block_io(bytes: &[BlkioEntry], operations: &[BlkioEntry]) -> api::BlkioStats {
    let none = || Some(Vec::new());
    api::BlkioStats {
        io_service_bytes_recursive: Some(entries(bytes)),
        io_serviced_recursive: Some(entries(operations)),
        io_queue_recursive: none(),
        io_service_time_recursive: none(),
        io_wait_time_recursive: none(),
        io_merged_recursive: none(),
        io_time_recursive: none(),
        sectors_recursive: none(),
    }
}

fn v2_block_io(bytes: &[BlkioEntry]) -> api::BlkioStats {
    api::BlkioStats {
        io_service_bytes_recursive: Some(entries(bytes)),
        ..api::BlkioStats::default()
    }
}

fn entries(entries: &[BlkioEntry]) -> Vec<api::BlkioEntry> {
    let entry = |e: &BlkioEntry| api::BlkioEntry {
        major: e.major,
        minor: e.minor,
        op: e.op.clone(),
        value: e.value,
    };
    entries.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaped(v1: bool, keys: &[&str]) -> ContainerStats {
        let stats = Stats {
            memory: MemoryStats {
                usage: 10,
                max_usage: 20,
                limit: u64::MAX,
                detail: keys.iter().map(|key| ((*key).to_owned(), 1)).collect(),
                v1,
                ..MemoryStats::default()
            },
            ..Stats::default()
        };
        let machine = Machine {
            memory: 1000,
            processors: 2,
            cpu: 5,
        };
        sample(ContainerStats::default(), stats, &machine)
    }

    #[test]
    fn memory_has_the_keys_of_its_version() {
        let v1 = shaped(
            true,
            &["cache", "total_cache", "hierarchical_memory_limit", "other"],
        );
        assert_eq!(v1.memory_stats.stats.len(), 3);
        assert_eq!(
            (v1.memory_stats.max_usage, v1.memory_stats.limit),
            (20, 1000)
        );
        assert_eq!(v1.blkio_stats.sectors_recursive, Some(Vec::new()));
        let v2 = shaped(false, &["anon", "file", "cache"]);
        assert_eq!(v2.memory_stats.stats.len(), 2);
        assert_eq!(v2.memory_stats.max_usage, 0);
        assert_eq!(v2.blkio_stats.sectors_recursive, None);
    }
}
