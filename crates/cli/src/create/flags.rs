//! The options that `run` and `create` share.

use gantry_units::GoDuration;

use super::grammar::{
    Addresses, Attach, DeviceRules, Domains, Environ, ExtraHosts, Gpus, Labels, Links, Mounts,
    Networks, Rates, Sysctls, Ulimits, Weights,
};
use super::secrets::Secrets;
use crate::flags::{Bytes, Decimal, List, Map, flags};

flags! {
    /// What a new container shall be like.
    pub(crate) struct ContainerFlags {
        /// Add a custom host-to-IP mapping (host:ip)
        "add-host" => add_host: ExtraHosts,
        /// Add an annotation to the container (passed through to the OCI runtime)
        "annotation" => annotation: Map; "map[]",
        /// Attach to STDIN, STDOUT or STDERR
        "attach" 'a' => attach: Attach,
        /// Block IO (relative weight), between 10 and 1000, or 0 to disable
        "blkio-weight" => blkio_weight: u16; "0",
        /// Block IO weight (relative device weight)
        "blkio-weight-device" => blkio_weight_device: Weights; "[]",
        /// Add Linux capabilities
        "cap-add" => cap_add: List,
        /// Drop Linux capabilities
        "cap-drop" => cap_drop: List,
        /// Optional parent cgroup for the container
        "cgroup-parent" => cgroup_parent: String,
        /// Cgroup namespace to use (host|private)\
        /// 'host':    Run the container in the Docker host's cgroup namespace\
        /// 'private': Run the container in its own private cgroup namespace\
        /// '':        Use the cgroup namespace as configured by the\
        ///            default-cgroupns-mode option on the daemon (default)
        "cgroupns" => cgroupns: String,
        /// Write the container ID to the file
        "cidfile" => cidfile: String,
        /// CPU count (Windows only)
        "cpu-count" => cpu_count: i64,
        /// CPU percent (Windows only)
        "cpu-percent" => cpu_percent: i64,
        /// Limit CPU CFS (Completely Fair Scheduler) period
        "cpu-period" => cpu_period: i64,
        /// Limit CPU CFS (Completely Fair Scheduler) quota
        "cpu-quota" => cpu_quota: i64,
        /// Limit CPU real-time period in microseconds
        "cpu-rt-period" => cpu_rt_period: i64,
        /// Limit CPU real-time runtime in microseconds
        "cpu-rt-runtime" => cpu_rt_runtime: i64,
        /// CPU shares (relative weight)
        "cpu-shares" 'c' => cpu_shares: i64,
        /// Number of CPUs
        "cpus" => cpus: Decimal,
        /// CPUs in which to allow execution (0-3, 0,1)
        "cpuset-cpus" => cpuset_cpus: String,
        /// MEMs in which to allow execution (0-3, 0,1)
        "cpuset-mems" => cpuset_mems: String,
        /// Add a host device to the container
        "device" => device: List,
        /// Add a rule to the cgroup allowed devices list
        "device-cgroup-rule" => device_cgroup_rule: DeviceRules,
        /// Limit read rate (bytes per second) from a device
        "device-read-bps" => device_read_bps: Rates; "[]",
        /// Limit read rate (IO per second) from a device
        "device-read-iops" => device_read_iops: Rates; "[]",
        /// Limit write rate (bytes per second) to a device
        "device-write-bps" => device_write_bps: Rates; "[]",
        /// Limit write rate (IO per second) to a device
        "device-write-iops" => device_write_iops: Rates; "[]",
        /// Skip image verification
        "disable-content-trust" => disable_content_trust: Option<bool>; "true",
        /// Set custom DNS servers
        "dns" => dns: Addresses,
        /// Set DNS options
        "dns-option" | "dns-opt" => dns_option: List,
        /// Set custom DNS search domains
        "dns-search" => dns_search: Domains,
        /// Container NIS domain name
        "domainname" => domainname: String,
        /// Overwrite the default ENTRYPOINT of the image
        "entrypoint" => entrypoint: Option<String>,
        /// Set environment variables
        "env" 'e' => env: Environ,
        /// Read in a file of environment variables
        "env-file" => env_file: List,
        /// Expose a port or a range of ports
        "expose" => expose: List,
        /// GPU devices to add to the container ('all' to pass all GPUs)
        "gpus" => gpus: Gpus,
        /// Add additional groups to join
        "group-add" => group_add: List,
        /// Command to run to check health
        "health-cmd" => health_cmd: String,
        /// Time between running the check (ms|s|m|h)
        "health-interval" => health_interval: GoDuration; "0s",
        /// Consecutive failures needed to report unhealthy
        "health-retries" => health_retries: i64,
        /// Time between running the check during the start period (ms|s|m|h)
        "health-start-interval" => health_start_interval: GoDuration; "0s",
        /// Start period for the container to initialize before starting health-retries countdown
        /// (ms|s|m|h)
        "health-start-period" => health_start_period: GoDuration; "0s",
        /// Maximum time to allow one check to run (ms|s|m|h)
        "health-timeout" => health_timeout: GoDuration; "0s",
        /// Container host name
        "hostname" 'h' => hostname: String,
        /// Run an init inside the container that forwards signals and reaps processes
        "init" => init: Option<bool>,
        /// Keep STDIN open even if not attached
        "interactive" 'i' => interactive: bool,
        /// Maximum IO bandwidth limit for the system drive (Windows only)
        "io-maxbandwidth" => io_max_bandwidth: Bytes,
        /// Maximum IOps limit for the system drive (Windows only)
        "io-maxiops" => io_max_iops: u64,
        /// IPv4 address (e.g., 172.30.100.104)
        "ip" => ip: String,
        /// IPv6 address (e.g., 2001:db8::33)
        "ip6" => ip6: String,
        /// IPC mode to use
        "ipc" => ipc: String,
        /// Container isolation technology
        "isolation" => isolation: String,
        /// Kernel memory limit
        "kernel-memory" => kernel_memory: Bytes,
        /// Set meta data on a container
        "label" 'l' => label: Labels,
        /// Read in a line delimited file of labels
        "label-file" => label_file: List,
        /// Add link to another container
        "link" => link: Links,
        /// Container IPv4/IPv6 link-local addresses
        "link-local-ip" => link_local_ip: List,
        /// Logging driver for the container
        "log-driver" => log_driver: String,
        /// Log driver options
        "log-opt" => log_opt: List,
        /// Container MAC address (e.g., 92:d0:c6:0a:29:33)
        "mac-address" => mac_address: String,
        /// Memory limit
        "memory" 'm' => memory: Bytes,
        /// Memory soft limit
        "memory-reservation" => memory_reservation: Bytes,
        /// Swap limit equal to memory plus swap: '-1' to enable unlimited swap
        "memory-swap" => memory_swap: Bytes,
        /// Tune container memory swappiness (0 to 100)
        "memory-swappiness" => memory_swappiness: i64 = -1; "-1",
        /// Attach a filesystem mount to the container
        "mount" => mount: Mounts,
        /// Connect a container to a network
        "network" | "net" => network: Networks,
        /// Add network-scoped alias for the container
        "network-alias" | "net-alias" => network_alias: List,
        /// Disable any container-specified HEALTHCHECK
        "no-healthcheck" => no_healthcheck: bool,
        /// Disable OOM Killer
        "oom-kill-disable" => oom_kill_disable: bool,
        /// Tune host's OOM preferences (-1000 to 1000)
        "oom-score-adj" => oom_score_adj: i64,
        /// PID namespace to use
        "pid" => pid: String,
        /// Tune container pids limit (set -1 for unlimited)
        "pids-limit" => pids_limit: Option<i64>,
        /// Give extended privileges to this container
        "privileged" => privileged: bool,
        /// Publish a container's port(s) to the host
        "publish" 'p' => publish: List,
        /// Publish all exposed ports to random ports
        "publish-all" 'P' => publish_all: bool,
        /// Mount the container's root filesystem as read only
        "read-only" => read_only: bool,
        /// Restart policy to apply when a container exits
        "restart" => restart: String = "no".to_owned(); "\"no\"",
        /// Automatically remove the container and its associated anonymous volumes when it exits
        "rm" => rm: bool,
        /// Runtime to use for this container
        "runtime" => runtime: String,
        /// Secret to expose to the container
        "secret" => secret: Secrets,
        /// Security Options
        "security-opt" => security_opt: List,
        /// Size of /dev/shm
        "shm-size" => shm_size: Bytes,
        /// Signal to stop the container
        "stop-signal" => stop_signal: String,
        /// Timeout (in seconds) to stop a container
        "stop-timeout" => stop_timeout: Option<i64>,
        /// Storage driver options for the container
        "storage-opt" => storage_opt: List,
        /// Sysctl options
        "sysctl" => sysctl: Sysctls; "map[]",
        /// Mount a tmpfs directory
        "tmpfs" => tmpfs: List,
        /// Allocate a pseudo-TTY
        "tty" 't' => tty: bool,
        /// Ulimit options
        "ulimit" => ulimit: Ulimits; "[]",
        /// Bind mount Docker API socket and required auth
        "use-api-socket" => use_api_socket: bool,
        /// Username or UID (format: <name|uid>[:<group|gid>])
        "user" 'u' => user: String,
        /// User namespace to use
        "userns" => userns: String,
        /// UTS namespace to use
        "uts" => uts: String,
        /// Bind mount a volume
        "volume" 'v' => volume: List,
        /// Optional volume driver for the container
        "volume-driver" => volume_driver: String,
        /// Mount volumes from the specified container(s)
        "volumes-from" => volumes_from: List,
        /// Working directory inside the container
        "workdir" 'w' => workdir: String,
    }
}
