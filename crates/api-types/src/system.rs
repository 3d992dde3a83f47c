//! The engine itself: info and disk usage.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::container::ContainerSummary;
use crate::image::ImageSummary;
use crate::json::body;
use crate::prune::BuildCache;
use crate::volume::Volume;

body! {
    /// Plugins by kind.
    pub struct PluginsInfo {
        /// Volume drivers.
        volume: Option<Vec<String>> => "Volume",
        /// Network drivers.
        network: Option<Vec<String>> => "Network",
        /// Authorization plugins.
        authorization: Option<Vec<String>> => "Authorization",
        /// Log drivers.
        log: Option<Vec<String>> => "Log",
    }

    /// A registry as configured.
    pub struct IndexInfo {
        /// Host name.
        name: String => "Name",
        /// Tried first.
        mirrors: Vec<String> => "Mirrors",
        /// HTTPS with a checked certificate.
        secure: bool => "Secure",
        /// Docker's own.
        official: bool => "Official",
    }

    /// Registries as configured.
    pub struct RegistryConfig {
        /// Networks without TLS.
        insecure_registry_cidrs: Vec<String> => "InsecureRegistryCIDRs",
        /// Registries by host name.
        index_configs: BTreeMap<String, IndexInfo> => "IndexConfigs",
        /// Mirrors of the default registry.
        mirrors: Vec<String> => "Mirrors",
    }

    /// A runtime.
    pub struct Runtime {
        /// Program.
        path: String => "path" omitempty,
        /// Its arguments.
        runtime_args: Vec<String> => "runtimeArgs" omitempty,
        /// What it says about itself.
        status: BTreeMap<String, String> => "status" omitempty,
    }

    /// Swarm as a node outside of one tells it.
    pub struct SwarmInfo {
        /// Node.
        node_id: String => "NodeID",
        /// Address.
        node_addr: String => "NodeAddr",
        /// `inactive`.
        local_node_state: String => "LocalNodeState",
        /// Manager.
        control_available: bool => "ControlAvailable",
        /// Why it does not work.
        error: String => "Error",
        /// Managers.
        remote_managers: Option<Vec<Value>> => "RemoteManagers",
    }

    /// A commit.
    pub struct Commit {
        /// Commit or version.
        id: String => "ID",
        /// Expected one, before 1.49.
        expected: String => "Expected" omitempty,
    }

    /// A pool that networks take their subnets from.
    pub struct AddressPool {
        /// Subnet.
        base: String => "Base",
        /// Bits of each network.
        size: i64 => "Size",
    }

    /// The firewall that is used.
    pub struct FirewallInfo {
        /// `nftables`.
        driver: String => "Driver",
        /// Facts.
        info: Vec<[String; 2]> => "Info" omitempty,
    }

    /// A device that can be asked for.
    pub struct DeviceInfo {
        /// `cdi`.
        source: String => "Source",
        /// Name.
        id: String => "ID",
    }

    /// `GET /info`.
    pub struct SystemInfo {
        /// The daemon.
        id: String => "ID",
        /// Containers.
        containers: i64 => "Containers",
        /// Running ones.
        containers_running: i64 => "ContainersRunning",
        /// Paused ones.
        containers_paused: i64 => "ContainersPaused",
        /// All others.
        containers_stopped: i64 => "ContainersStopped",
        /// Images.
        images: i64 => "Images",
        /// Snapshotter.
        driver: String => "Driver",
        /// Facts about it.
        driver_status: Option<Vec<[String; 2]>> => "DriverStatus",
        /// Plugins.
        plugins: PluginsInfo => "Plugins",
        /// Memory can be limited.
        memory_limit: bool => "MemoryLimit",
        /// Swap can be limited.
        swap_limit: bool => "SwapLimit",
        /// Kernel memory can be limited.
        kernel_memory: bool => "KernelMemory" omitempty,
        /// TCP buffers can be limited.
        kernel_memory_tcp: bool => "KernelMemoryTCP" omitempty,
        /// CPU period can be set.
        cpu_cfs_period: bool => "CpuCfsPeriod",
        /// CPU quota can be set.
        cpu_cfs_quota: bool => "CpuCfsQuota",
        /// CPU weight can be set.
        cpu_shares: bool => "CPUShares",
        /// CPUs can be chosen.
        cpu_set: bool => "CPUSet",
        /// Processes can be limited.
        pids_limit: bool => "PidsLimit",
        /// The host forwards IPv4.
        ipv4_forwarding: bool => "IPv4Forwarding",
        /// Debug mode.
        debug: bool => "Debug",
        /// Open files.
        n_fd: i64 => "NFd",
        /// OOM killer can be turned off.
        oom_kill_disable: bool => "OomKillDisable",
        /// Tasks.
        n_goroutines: i64 => "NGoroutines",
        /// RFC 3339.
        system_time: String => "SystemTime",
        /// Default log driver.
        logging_driver: String => "LoggingDriver",
        /// `cgroupfs` or `systemd`.
        cgroup_driver: String => "CgroupDriver",
        /// `1` or `2`.
        cgroup_version: String => "CgroupVersion" omitempty,
        /// Clients on `/events`.
        n_events_listener: i64 => "NEventsListener",
        /// Kernel.
        kernel_version: String => "KernelVersion",
        /// Distribution.
        operating_system: String => "OperatingSystem",
        /// Its version.
        os_version: String => "OSVersion",
        /// `linux`.
        os_type: String => "OSType",
        /// `x86_64`, ...
        architecture: String => "Architecture",
        /// Default registry.
        index_server_address: String => "IndexServerAddress",
        /// Registries.
        registry_config: Option<RegistryConfig> => "RegistryConfig",
        /// CPUs.
        ncpu: i64 => "NCPU",
        /// Bytes.
        mem_total: i64 => "MemTotal",
        /// Swarm only.
        generic_resources: Option<Vec<Value>> => "GenericResources",
        /// Data root.
        docker_root_dir: String => "DockerRootDir",
        /// Proxy.
        http_proxy: String => "HttpProxy",
        /// Proxy.
        https_proxy: String => "HttpsProxy",
        /// Hosts without proxy.
        no_proxy: String => "NoProxy",
        /// Host name.
        name: String => "Name",
        /// Daemon's labels.
        labels: Vec<String> => "Labels",
        /// Experimental features on.
        experimental_build: bool => "ExperimentalBuild",
        /// Engine's version.
        server_version: String => "ServerVersion",
        /// Runtimes by name.
        runtimes: BTreeMap<String, Runtime> => "Runtimes",
        /// The one that is used.
        default_runtime: String => "DefaultRuntime",
        /// Swarm.
        swarm: SwarmInfo => "Swarm",
        /// Containers survive the daemon.
        live_restore_enabled: bool => "LiveRestoreEnabled",
        /// Windows only.
        isolation: String => "Isolation",
        /// Init program.
        init_binary: String => "InitBinary",
        /// No such thing here.
        containerd_commit: Commit => "ContainerdCommit",
        /// The runtime's.
        runc_commit: Commit => "RuncCommit",
        /// Init's.
        init_commit: Commit => "InitCommit",
        /// `name=seccomp,profile=builtin`, ...
        security_options: Vec<String> => "SecurityOptions",
        /// Product.
        product_license: String => "ProductLicense" omitempty,
        /// Pools for networks.
        default_address_pools: Vec<AddressPool> => "DefaultAddressPools" omitempty,
        /// Firewall.
        firewall_backend: Option<FirewallInfo> => "FirewallBackend" omitempty,
        /// Devices that can be asked for.
        discovered_devices: Vec<DeviceInfo> => "DiscoveredDevices" omitempty,
        /// Directories of device descriptions.
        cdi_spec_dirs: Option<Vec<String>> => "CDISpecDirs",
        /// What the user should know.
        warnings: Option<Vec<String>> => "Warnings",
    }

    /// `GET /system/df`.
    pub struct DiskUsage {
        /// Bytes of all layers.
        layers_size: i64 => "LayersSize",
        /// Images.
        images: Option<Vec<ImageSummary>> => "Images",
        /// Containers.
        containers: Option<Vec<ContainerSummary>> => "Containers",
        /// Volumes.
        volumes: Option<Vec<Volume>> => "Volumes",
        /// Build cache.
        build_cache: Option<Vec<BuildCache>> => "BuildCache",
    }
}
