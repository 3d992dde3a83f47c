//! What a group uses.

use std::collections::BTreeMap;

/// A group's use of the machine; what the kernel does not count is zero or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Processor time.
    pub cpu: CpuStats,
    /// Memory.
    pub memory: MemoryStats,
    /// Processes.
    pub pids: PidsStats,
    /// Block devices.
    pub blkio: BlkioStats,
    /// Huge pages by page size (`2MB`).
    pub hugetlb: BTreeMap<String, HugetlbStats>,
}

/// Processor time in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuStats {
    /// All.
    pub total: u64,
    /// In the kernel.
    pub system: u64,
    /// In user mode.
    pub user: u64,
    /// By processor (v1 only).
    pub per_cpu: Vec<u64>,
    /// What the quota held back.
    pub throttling: ThrottlingStats,
}

/// What the quota held back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThrottlingStats {
    /// Periods in which the group ran.
    pub periods: u64,
    /// Periods in which it was held back.
    pub throttled_periods: u64,
    /// Nanoseconds for which it was held back.
    pub throttled_time: u64,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// In use, page cache included.
    pub usage: u64,
    /// The highest use seen.
    pub max_usage: u64,
    /// The limit; `u64::MAX` is none.
    pub limit: u64,
    /// How often the limit was hit.
    pub failcnt: u64,
    /// Swap in use.
    pub swap: u64,
    /// The lines of `memory.stat`.
    pub detail: BTreeMap<String, u64>,
    /// Whether `detail` is of v1, whose `total_` lines count groups below too.
    pub v1: bool,
}

/// Processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PidsStats {
    /// Processes and threads.
    pub current: u64,
    /// The limit; `u64::MAX` is none.
    pub limit: u64,
}

/// Block devices, by Docker's names of the v1 files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlkioStats {
    /// Bytes by operation.
    pub service_bytes: Vec<BlkioEntry>,
    /// Operations.
    pub serviced: Vec<BlkioEntry>,
}

/// One line of a blkio file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlkioEntry {
    /// Major number.
    pub major: u64,
    /// Minor number.
    pub minor: u64,
    /// `Read`, `Write`, `Sync`, `Async`, `Discard`, `Total` in v1; `read`, `write` in v2.
    pub op: String,
    /// The count.
    pub value: u64,
}

/// Huge pages in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HugetlbStats {
    /// In use.
    pub usage: u64,
    /// The highest use seen (v1 only).
    pub max_usage: u64,
    /// How often the limit was hit.
    pub failcnt: u64,
}
