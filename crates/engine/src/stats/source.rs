//! The kernel's figures about one container and about the machine.

use std::collections::BTreeMap;
use std::fs;

use gantry_api_types::{ContainerStats, InterfaceStats, ZERO_TIME};
use gantry_cgroups::Cgroup;

use super::shape;
use crate::clock;
use crate::containers::{Container, Containers};

/// Nanoseconds of a tick of `/proc/stat`, which is 1/100 s on every architecture we know.
const TICK: u64 = 10_000_000;

/// What is the same for all containers of a round.
#[derive(Debug, Clone, Default)]
pub(super) struct Machine {
    /// Processor time of the whole machine in nanoseconds.
    pub cpu: u64,
    /// Processors.
    pub processors: u32,
    /// Bytes of memory.
    pub memory: u64,
}

impl Machine {
    pub(super) fn read() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cpu: cpu_time(&fs::read_to_string("/proc/stat").unwrap_or_default()),
            processors: processors as u32,
            memory: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        }
    }
}

/// User to softirq: guests are part of user, and stolen time is nobody's.
fn cpu_time(stat: &str) -> u64 {
    let line = stat.lines().find(|line| line.starts_with("cpu "));
    let words = line.unwrap_or_default().split_whitespace();
    let ticks = words
        .skip(1)
        .take(7)
        .filter_map(|word| word.parse::<u64>().ok());
    ticks.sum::<u64>() * TICK
}

fn memory(meminfo: &str) -> u64 {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// A container's cgroup, kept open between samples for as long as it is the same run.
#[derive(Debug, Default)]
pub(super) struct Source {
    run: u32,
    cgroup: Option<Cgroup>,
}

impl Source {
    /// A sample; of a container that does not run, only its name.
    pub(super) fn sample(
        &mut self,
        service: &Containers,
        container: &Container,
        machine: &Machine,
    ) -> ContainerStats {
        let (pid, live, name, network_mode) = {
            let record = container.record();
            (
                record.state.pid,
                record.state.phase.is_live(),
                format!("/{}", record.name),
                record.host_config.network_mode.clone(),
            )
        };
        let named = ContainerStats {
            name,
            id: container.id.clone(),
            read: ZERO_TIME.to_owned(),
            preread: ZERO_TIME.to_owned(),
            ..ContainerStats::default()
        };
        if !live {
            *self = Self::default();
            return named;
        }
        if self.run != pid || self.cgroup.is_none() {
            self.cgroup = service.cgroups.open(&service.cgroup_path(container)).ok();
            self.run = pid;
        }
        let Some(stats) = self.cgroup.as_ref().and_then(|cgroup| cgroup.stats().ok()) else {
            return named;
        };
        ContainerStats {
            read: clock::rfc3339(clock::now_nanos()),
            networks: if network_mode == "host" {
                BTreeMap::new()
            } else {
                interfaces(&fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default())
            },
            ..shape::sample(named, stats, machine)
        }
    }
}

/// The interfaces of `/proc/<pid>/net/dev`, which is that of the process's namespace.
fn interfaces(text: &str) -> BTreeMap<String, InterfaceStats> {
    text.lines().skip(2).filter_map(interface).collect()
}

fn interface(line: &str) -> Option<(String, InterfaceStats)> {
    let (name, figures) = line.split_once(':')?;
    let name = name.trim();
    let figures: Vec<u64> = figures
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    if name == "lo" || figures.len() < 12 {
        return None;
    }
    let stats = InterfaceStats {
        rx_bytes: figures[0],
        rx_packets: figures[1],
        rx_errors: figures[2],
        rx_dropped: figures[3],
        tx_bytes: figures[8],
        tx_packets: figures[9],
        tx_errors: figures[10],
        tx_dropped: figures[11],
    };
    Some((name.to_owned(), stats))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_those_beside_lo() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
            lo:  840      10    0    0    0     0          0         0      840      10    0    0    0     0       0          0\n  \
            eth0: 1296      14    1    2    0     0          0         0     500       6    3    4    0     0       0          0\n";
        let found = interfaces(text);
        assert_eq!(found.len(), 1);
        let eth0 = &found["eth0"];
        assert_eq!(
            (
                eth0.rx_bytes,
                eth0.rx_dropped,
                eth0.tx_packets,
                eth0.tx_dropped
            ),
            (1296, 2, 6, 4)
        );
    }

    #[test]
    fn the_machine_is_read_as_docker_reads_it() {
        let stat = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(cpu_time(stat), 28 * TICK);
        assert_eq!(memory("MemTotal:       2048 kB\nMemFree: 1 kB\n"), 2 << 20);
    }
}
