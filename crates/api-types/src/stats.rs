//! What a container uses.

use std::collections::BTreeMap;

use crate::json::body;

body! {
    /// CPU throttling.
    pub struct ThrottlingData {
        /// Periods seen.
        periods: u64 => "periods",
        /// Periods throttled.
        throttled_periods: u64 => "throttled_periods",
        /// Nanoseconds throttled.
        throttled_time: u64 => "throttled_time",
    }

    /// CPU time in nanoseconds.
    pub struct CpuUsage {
        /// All.
        total_usage: u64 => "total_usage",
        /// Per CPU, cgroup v1 only.
        percpu_usage: Vec<u64> => "percpu_usage" omitempty,
        /// In the kernel.
        usage_in_kernelmode: u64 => "usage_in_kernelmode",
        /// Outside.
        usage_in_usermode: u64 => "usage_in_usermode",
    }

    /// CPU.
    pub struct CpuStats {
        /// Time used.
        cpu_usage: CpuUsage => "cpu_usage",
        /// Nanoseconds of all CPUs since boot.
        system_cpu_usage: u64 => "system_cpu_usage" omitempty,
        /// CPUs.
        online_cpus: u32 => "online_cpus" omitempty,
        /// Throttling.
        throttling_data: ThrottlingData => "throttling_data",
    }

    /// Memory in bytes.
    pub struct MemoryStats {
        /// In use.
        usage: u64 => "usage" omitempty,
        /// Most ever, cgroup v1 only.
        max_usage: u64 => "max_usage" omitempty,
        /// All of memory.stat.
        stats: BTreeMap<String, u64> => "stats" omitempty,
        /// Times at the limit, cgroup v1 only.
        failcnt: u64 => "failcnt" omitempty,
        /// Limit.
        limit: u64 => "limit" omitempty,
    }

    /// One figure of a block device.
    pub struct BlkioEntry {
        /// Device's major number.
        major: u64 => "major",
        /// Device's minor number.
        minor: u64 => "minor",
        /// `read`, `write`, ...
        op: String => "op",
        /// Figure.
        value: u64 => "value",
    }

    /// Block I/O.
    pub struct BlkioStats {
        /// Bytes.
        io_service_bytes_recursive: Option<Vec<BlkioEntry>> => "io_service_bytes_recursive",
        /// Operations.
        io_serviced_recursive: Option<Vec<BlkioEntry>> => "io_serviced_recursive",
        /// Queued.
        io_queue_recursive: Option<Vec<BlkioEntry>> => "io_queue_recursive",
        /// Service time.
        io_service_time_recursive: Option<Vec<BlkioEntry>> => "io_service_time_recursive",
        /// Wait time.
        io_wait_time_recursive: Option<Vec<BlkioEntry>> => "io_wait_time_recursive",
        /// Merged.
        io_merged_recursive: Option<Vec<BlkioEntry>> => "io_merged_recursive",
        /// Time.
        io_time_recursive: Option<Vec<BlkioEntry>> => "io_time_recursive",
        /// Sectors.
        sectors_recursive: Option<Vec<BlkioEntry>> => "sectors_recursive",
    }

    /// Processes.
    pub struct PidsStats {
        /// Now.
        current: u64 => "current" omitempty,
        /// Limit.
        limit: u64 => "limit" omitempty,
    }

    /// Windows only; always empty.
    pub struct StorageStats {}

    /// One interface.
    pub struct InterfaceStats {
        /// Bytes in.
        rx_bytes: u64 => "rx_bytes",
        /// Packets in.
        rx_packets: u64 => "rx_packets",
        /// Errors in.
        rx_errors: u64 => "rx_errors",
        /// Dropped in.
        rx_dropped: u64 => "rx_dropped",
        /// Bytes out.
        tx_bytes: u64 => "tx_bytes",
        /// Packets out.
        tx_packets: u64 => "tx_packets",
        /// Errors out.
        tx_errors: u64 => "tx_errors",
        /// Dropped out.
        tx_dropped: u64 => "tx_dropped",
    }

    /// `GET /containers/{id}/stats`, one sample.
    pub struct ContainerStats {
        /// `/name`.
        name: String => "name" omitempty,
        /// 64 hex digits.
        id: String => "id" omitempty,
        /// RFC 3339.
        read: String => "read",
        /// RFC 3339, of `precpu_stats`.
        preread: String => "preread",
        /// Processes.
        pids_stats: PidsStats => "pids_stats",
        /// Block I/O.
        blkio_stats: BlkioStats => "blkio_stats",
        /// Windows only.
        num_procs: u32 => "num_procs",
        /// Windows only.
        storage_stats: StorageStats => "storage_stats",
        /// CPU now.
        cpu_stats: CpuStats => "cpu_stats",
        /// CPU of the sample before.
        precpu_stats: CpuStats => "precpu_stats",
        /// Memory.
        memory_stats: MemoryStats => "memory_stats",
        /// By interface.
        networks: BTreeMap<String, InterfaceStats> => "networks" omitempty,
    }
}
