//! The host's half of a container's configuration.

use std::collections::BTreeMap;

use crate::json::body;
use crate::mount::Mount;

/// Published ports by container port (`80/tcp`); `null` is "no binding".
pub type PortMap = BTreeMap<String, Option<Vec<PortBinding>>>;

body! {
    /// Where a port is published.
    pub struct PortBinding {
        /// Host address; empty is all.
        host_ip: String => "HostIp",
        /// Port, range (`8000-8010`) or empty for any.
        host_port: String => "HostPort",
    }

    /// When a container that ended is started again.
    pub struct RestartPolicy {
        /// `no`, `always`, `unless-stopped`, `on-failure` or empty.
        name: String => "Name",
        /// For `on-failure`; 0 is no limit.
        maximum_retry_count: i64 => "MaximumRetryCount",
    }

    /// Where logs go.
    pub struct LogConfig {
        /// Driver; empty is the daemon's default.
        kind: String => "Type",
        /// Driver's options.
        config: Option<BTreeMap<String, String>> => "Config",
    }

    /// A device of the host inside a container.
    pub struct DeviceMapping {
        /// Path on the host.
        path_on_host: String => "PathOnHost",
        /// Path inside.
        path_in_container: String => "PathInContainer",
        /// Any of `rwm`.
        cgroup_permissions: String => "CgroupPermissions",
    }

    /// Devices that a driver finds (GPUs, CDI).
    pub struct DeviceRequest {
        /// `nvidia`, `cdi` or empty.
        driver: String => "Driver",
        /// How many; -1 is all.
        count: i64 => "Count",
        /// Devices by id.
        device_ids: Option<Vec<String>> => "DeviceIDs",
        /// Any of these lists, each all of its words.
        capabilities: Option<Vec<Vec<String>>> => "Capabilities",
        /// Driver's options.
        options: Option<BTreeMap<String, String>> => "Options",
    }

    /// Weight of a block device.
    pub struct WeightDevice {
        /// Device path.
        path: String => "Path",
        /// 10 to 1000.
        weight: u16 => "Weight",
    }

    /// Limit of a block device.
    pub struct ThrottleDevice {
        /// Device path.
        path: String => "Path",
        /// Bytes or operations per second.
        rate: u64 => "Rate",
    }

    /// One resource limit.
    pub struct Ulimit {
        /// `nofile`, `core`, ...
        name: String => "Name",
        /// Hard limit; -1 is unlimited.
        hard: i64 => "Hard",
        /// Soft limit; -1 is unlimited.
        soft: i64 => "Soft",
    }

    /// Limits; what `update` may change.
    pub struct Resources {
        /// Relative CPU weight.
        cpu_shares: i64 => "CpuShares",
        /// Bytes.
        memory: i64 => "Memory",
        /// Billionths of a CPU.
        nano_cpus: i64 => "NanoCpus",
        /// Parent in the cgroup tree.
        cgroup_parent: String => "CgroupParent",
        /// Relative block I/O weight.
        blkio_weight: u16 => "BlkioWeight",
        /// Weight per device.
        blkio_weight_device: Option<Vec<WeightDevice>> => "BlkioWeightDevice",
        /// Read bytes per second.
        blkio_device_read_bps: Option<Vec<ThrottleDevice>> => "BlkioDeviceReadBps",
        /// Written bytes per second.
        blkio_device_write_bps: Option<Vec<ThrottleDevice>> => "BlkioDeviceWriteBps",
        /// Reads per second.
        blkio_device_read_iops: Option<Vec<ThrottleDevice>> => "BlkioDeviceReadIOps",
        /// Writes per second.
        blkio_device_write_iops: Option<Vec<ThrottleDevice>> => "BlkioDeviceWriteIOps",
        /// Scheduler period in microseconds.
        cpu_period: i64 => "CpuPeriod",
        /// Microseconds of CPU per period.
        cpu_quota: i64 => "CpuQuota",
        /// Real-time period in microseconds.
        cpu_realtime_period: i64 => "CpuRealtimePeriod",
        /// Real-time microseconds per period.
        cpu_realtime_runtime: i64 => "CpuRealtimeRuntime",
        /// CPUs such as `0-2,4`.
        cpuset_cpus: String => "CpusetCpus",
        /// Memory nodes.
        cpuset_mems: String => "CpusetMems",
        /// Devices of the host.
        devices: Option<Vec<DeviceMapping>> => "Devices",
        /// Rules such as `c 42:* rmw`.
        device_cgroup_rules: Option<Vec<String>> => "DeviceCgroupRules",
        /// Devices found by drivers.
        device_requests: Option<Vec<DeviceRequest>> => "DeviceRequests",
        /// Deprecated, bytes.
        kernel_memory: i64 => "KernelMemory" omitempty,
        /// Bytes of TCP buffers.
        kernel_memory_tcp: i64 => "KernelMemoryTCP" omitempty,
        /// Soft limit in bytes.
        memory_reservation: i64 => "MemoryReservation",
        /// Memory and swap in bytes; -1 is unlimited swap.
        memory_swap: i64 => "MemorySwap",
        /// 0 to 100.
        memory_swappiness: Option<i64> => "MemorySwappiness",
        /// Never kill for lack of memory.
        oom_kill_disable: Option<bool> => "OomKillDisable",
        /// Processes; 0 and -1 are unlimited.
        pids_limit: Option<i64> => "PidsLimit",
        /// Resource limits.
        ulimits: Option<Vec<Ulimit>> => "Ulimits",
        /// Windows only.
        cpu_count: i64 => "CpuCount",
        /// Windows only.
        cpu_percent: i64 => "CpuPercent",
        /// Windows only.
        io_maximum_iops: u64 => "IOMaximumIOps",
        /// Windows only.
        io_maximum_bandwidth: u64 => "IOMaximumBandwidth",
    }

    /// How a container sits on its host.
    pub struct HostConfig {
        /// `source:target[:mode]`.
        binds: Option<Vec<String>> => "Binds",
        /// File for the id, written by the client.
        container_id_file: String => "ContainerIDFile",
        /// Where logs go.
        log_config: LogConfig => "LogConfig",
        /// `bridge`, `host`, `none`, `container:<id>`, a network, or `default`.
        network_mode: String => "NetworkMode",
        /// Published ports.
        port_bindings: Option<PortMap> => "PortBindings",
        /// When to start again.
        restart_policy: RestartPolicy => "RestartPolicy",
        /// Remove when it ends.
        auto_remove: bool => "AutoRemove",
        /// Driver of volumes made for this.
        volume_driver: String => "VolumeDriver",
        /// `container[:mode]`.
        volumes_from: Option<Vec<String>> => "VolumesFrom",
        /// Height and width of the first terminal.
        console_size: [u16; 2] => "ConsoleSize",
        /// Handed to the runtime.
        annotations: BTreeMap<String, String> => "Annotations" omitempty,
        /// Capabilities to add.
        cap_add: Option<Vec<String>> => "CapAdd",
        /// Capabilities to drop.
        cap_drop: Option<Vec<String>> => "CapDrop",
        /// `private`, `host` or empty.
        cgroupns_mode: String => "CgroupnsMode",
        /// Name servers.
        dns: Option<Vec<String>> => "Dns",
        /// Resolver options.
        dns_options: Option<Vec<String>> => "DnsOptions",
        /// Search domains.
        dns_search: Option<Vec<String>> => "DnsSearch",
        /// `name:address`.
        extra_hosts: Option<Vec<String>> => "ExtraHosts",
        /// More groups.
        group_add: Option<Vec<String>> => "GroupAdd",
        /// `private`, `shareable`, `host`, `none`, `container:<id>` or empty.
        ipc_mode: String => "IpcMode",
        /// Another container's cgroup.
        cgroup: String => "Cgroup",
        /// `container:alias`.
        links: Option<Vec<String>> => "Links",
        /// -1000 to 1000.
        oom_score_adj: i64 => "OomScoreAdj",
        /// `host`, `container:<id>` or empty.
        pid_mode: String => "PidMode",
        /// All rights.
        privileged: bool => "Privileged",
        /// Publish all exposed ports.
        publish_all_ports: bool => "PublishAllPorts",
        /// Read-only root.
        readonly_rootfs: bool => "ReadonlyRootfs",
        /// `seccomp=...`, `apparmor=...`, `no-new-privileges`, `label=...`.
        security_opt: Option<Vec<String>> => "SecurityOpt",
        /// Options of the storage driver, such as `size`.
        storage_opt: BTreeMap<String, String> => "StorageOpt" omitempty,
        /// tmpfs mounts by path.
        tmpfs: BTreeMap<String, String> => "Tmpfs" omitempty,
        /// `host` or empty.
        uts_mode: String => "UTSMode",
        /// `host` or empty.
        userns_mode: String => "UsernsMode",
        /// Bytes of /dev/shm.
        shm_size: i64 => "ShmSize",
        /// Kernel parameters of its namespaces.
        sysctls: BTreeMap<String, String> => "Sysctls" omitempty,
        /// Runtime.
        runtime: String => "Runtime" omitempty,
        /// Windows only.
        isolation: String => "Isolation",
        /// Limits.
        resources: Resources => flatten,
        /// Mounts.
        mounts: Vec<Mount> => "Mounts" omitempty,
        /// Paths hidden inside; `null` is the default list.
        masked_paths: Option<Vec<String>> => "MaskedPaths",
        /// Paths read-only inside; `null` is the default list.
        readonly_paths: Option<Vec<String>> => "ReadonlyPaths",
        /// A small init as PID 1; `null` is the daemon's default.
        init: Option<bool> => "Init" omitempty,
    }
}
