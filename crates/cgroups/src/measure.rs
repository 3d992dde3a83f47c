//! Reading what a group uses.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{Dir, key_values};
use crate::group::Home;
use crate::stats::{
    BlkioEntry, BlkioStats, CpuStats, HugetlbStats, MemoryStats, PidsStats, Stats, ThrottlingStats,
};
use crate::{Cgroup, Controller};

/// Nanoseconds of a tick: the kernel shows times to users at 100 Hz on every architecture we know.
const TICK: u64 = 1_000_000_000 / 100;

pub(crate) fn read(group: &Cgroup) -> Stats {
    Stats {
        cpu: cpu(group),
        memory: memory(group),
        pids: pids(group),
        blkio: blkio(group),
        hugetlb: hugetlb(group),
    }
}

fn cpu(group: &Cgroup) -> CpuStats {
    let accounting = match (group.home(Controller::Cpuacct), &group.v2) {
        (Some(Home::V1(dir)), _) => v1_cpu(dir),
        // Every v2 group counts processor time, with or without the controller.
        (_, Some(v2)) => v2_cpu(&v2.dir),
        _ => CpuStats::default(),
    };
    let throttling = match group.home(Controller::Cpu) {
        Some(Home::V1(dir)) => throttling(dir, "throttled_time", 1),
        Some(Home::V2(dir)) => throttling(dir, "throttled_usec", 1000),
        None => ThrottlingStats::default(),
    };
    CpuStats {
        throttling,
        ..accounting
    }
}

fn v1_cpu(dir: &Dir) -> CpuStats {
    let per_cpu = dir.try_read("cpuacct.usage_percpu").unwrap_or_default();
    let split = dir.try_read("cpuacct.stat").unwrap_or_default();
    let ticks = |key| {
        key_values(&split)
            .find(|(k, _)| *k == key)
            .map_or(0, |(_, v)| v * TICK)
    };
    CpuStats {
        total: dir.number("cpuacct.usage").unwrap_or(0),
        system: ticks("system"),
        user: ticks("user"),
        per_cpu: per_cpu
            .split_whitespace()
            .filter_map(|n| n.parse().ok())
            .collect(),
        throttling: ThrottlingStats::default(),
    }
}

fn v2_cpu(dir: &Dir) -> CpuStats {
    let mut stats = CpuStats::default();
    let text = dir.try_read("cpu.stat").unwrap_or_default();
    for (key, microseconds) in key_values(&text) {
        match key {
            "usage_usec" => stats.total = microseconds * 1000,
            "user_usec" => stats.user = microseconds * 1000,
            "system_usec" => stats.system = microseconds * 1000,
            _ => {}
        }
    }
    stats
}

fn throttling(dir: &Dir, time: &str, nanoseconds: u64) -> ThrottlingStats {
    let mut stats = ThrottlingStats::default();
    let text = dir.try_read("cpu.stat").unwrap_or_default();
    for (key, value) in key_values(&text) {
        match key {
            "nr_periods" => stats.periods = value,
            "nr_throttled" => stats.throttled_periods = value,
            _ if key == time => stats.throttled_time = value * nanoseconds,
            _ => {}
        }
    }
    stats
}

fn memory(group: &Cgroup) -> MemoryStats {
    let detail = |dir: &Dir| {
        let text = dir.try_read("memory.stat").unwrap_or_default();
        key_values(&text)
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    };
    match group.home(Controller::Memory) {
        Some(Home::V1(dir)) => {
            let usage = dir.number("memory.usage_in_bytes").unwrap_or(0);
            let with_swap = dir.number("memory.memsw.usage_in_bytes");
            MemoryStats {
                usage,
                max_usage: dir.number("memory.max_usage_in_bytes").unwrap_or(0),
                limit: v1_limit(dir.number("memory.limit_in_bytes")),
                failcnt: dir.number("memory.failcnt").unwrap_or(0),
                swap: with_swap.unwrap_or(0).saturating_sub(usage),
                detail: detail(dir),
                v1: true,
            }
        }
        Some(Home::V2(dir)) => MemoryStats {
            usage: dir.number("memory.current").unwrap_or(0),
            // Since Linux 5.19.
            max_usage: dir.number("memory.peak").unwrap_or(0),
            limit: dir.number("memory.max").unwrap_or(u64::MAX),
            failcnt: dir.keyed("memory.events", "max").unwrap_or(0),
            swap: dir.number("memory.swap.current").unwrap_or(0),
            detail: detail(dir),
            v1: false,
        },
        None => MemoryStats {
            limit: u64::MAX,
            ..MemoryStats::default()
        },
    }
}

/// v1 writes "no limit" as the highest multiple of the page size below 2^63.
fn v1_limit(limit: Option<u64>) -> u64 {
    const LARGEST_PAGE: u64 = 64 << 10;
    limit
        .filter(|l| *l < i64::MAX as u64 - LARGEST_PAGE)
        .unwrap_or(u64::MAX)
}

fn pids(group: &Cgroup) -> PidsStats {
    match group.home(Controller::Pids) {
        Some(Home::V1(dir) | Home::V2(dir)) => PidsStats {
            current: dir.number("pids.current").unwrap_or(0),
            limit: dir.number("pids.max").unwrap_or(u64::MAX),
        },
        None => PidsStats {
            current: 0,
            limit: u64::MAX,
        },
    }
}

fn blkio(group: &Cgroup) -> BlkioStats {
    match group.home(Controller::Blkio) {
        Some(Home::V1(dir)) => BlkioStats {
            service_bytes: v1_blkio(dir, "io_service_bytes_recursive"),
            serviced: v1_blkio(dir, "io_serviced_recursive"),
        },
        Some(Home::V2(dir)) => v2_blkio(&dir.try_read("io.stat").unwrap_or_default()),
        None => BlkioStats::default(),
    }
}

/// BFQ counts in files of its own, and only while it schedules a device.
fn v1_blkio(dir: &Dir, file: &str) -> Vec<BlkioEntry> {
    let read = |prefix: &str| {
        let text = dir
            .try_read(&format!("blkio.{prefix}{file}"))
            .unwrap_or_default();
        v1_blkio_lines(&text)
    };
    let bfq = read("bfq.");
    if bfq.is_empty() {
        read("throttle.")
    } else {
        bfq
    }
}

/// Lines like `8:0 Read 4096`, and a last `Total 4096` that is no device's.
fn v1_blkio_lines(text: &str) -> Vec<BlkioEntry> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (major, minor) = device(words.next()?)?;
            let op = words.next()?.to_owned();
            Some(BlkioEntry {
                major,
                minor,
                op,
                value: words.next()?.parse().ok()?,
            })
        })
        .collect()
}

/// Lines like `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`.
fn v2_blkio(text: &str) -> BlkioStats {
    let mut stats = BlkioStats::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some((major, minor)) = words.next().and_then(device) else {
            continue;
        };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let (list, op) = match key {
                "rbytes" => (&mut stats.service_bytes, "read"),
                "wbytes" => (&mut stats.service_bytes, "write"),
                "rios" => (&mut stats.serviced, "read"),
                "wios" => (&mut stats.serviced, "write"),
                _ => continue,
            };
            let Ok(value) = value.parse() else { continue };
            list.push(BlkioEntry {
                major,
                minor,
                op: op.to_owned(),
                value,
            });
        }
    }
    stats
}

fn device(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn hugetlb(group: &Cgroup) -> BTreeMap<String, HugetlbStats> {
    let home = group.home(Controller::Hugetlb);
    let (Some(Home::V1(dir) | Home::V2(dir)), v1) = (&home, matches!(home, Some(Home::V1(_))))
    else {
        return BTreeMap::new();
    };
    let number = |size: &str, file: &str| dir.number(&format!("hugetlb.{size}.{file}"));
    let one = |size: String| {
        let (usage, failcnt) = if v1 {
            (number(&size, "usage_in_bytes"), number(&size, "failcnt"))
        } else {
            (
                number(&size, "current"),
                dir.keyed(&format!("hugetlb.{size}.events"), "max"),
            )
        };
        let stats = HugetlbStats {
            usage: usage.unwrap_or(0),
            max_usage: number(&size, "max_usage_in_bytes").unwrap_or(0),
            failcnt: failcnt.unwrap_or(0),
        };
        (size, stats)
    };
    page_sizes(dir).into_iter().map(one).collect()
}

/// The page sizes that the group has files of.
fn page_sizes(dir: &Dir) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(dir.path()) else {
        return BTreeSet::new();
    };
    let size = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_prefix("hugetlb.")?.split('.').next()?.to_owned())
    };
    entries.flatten().filter_map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_lines_of_both_versions() {
        let v1 = v1_blkio_lines("8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n");
        assert_eq!(v1.len(), 2);
        assert_eq!(
            (v1[0].major, v1[0].op.as_str(), v1[0].value),
            (8, "Read", 4096)
        );
        let v2 = v2_blkio("8:16 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n");
        assert_eq!((v2.service_bytes.len(), v2.serviced[1].value), (2, 2));
    }

    #[test]
    fn no_limit_is_the_same_in_both_versions() {
        assert_eq!(v1_limit(Some(0x7fff_ffff_ffff_f000)), u64::MAX);
        assert_eq!(v1_limit(Some(1 << 20)), 1 << 20);
    }
}
