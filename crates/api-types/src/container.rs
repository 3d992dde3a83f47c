//! Containers: create, list, inspect and the small answers.

use std::collections::BTreeMap;

use crate::change::{ContainerChange, ContainerChanged};
use crate::config::ContainerConfig;
use crate::host_config::{HostConfig, PortMap, Resources, RestartPolicy};
use crate::image::Descriptor;
use crate::json::body;
use crate::mount::MountPoint;
use crate::network::{EndpointSettings, NetworkingConfig};
use crate::secret::SecretReference;

body! {
    /// `POST /containers/create`.
    pub struct ContainerCreateRequest {
        /// What runs.
        config: ContainerConfig => flatten,
        /// How it sits on the host.
        host_config: HostConfig => "HostConfig",
        /// Networks to join.
        networking_config: NetworkingConfig => "NetworkingConfig",
        /// Secrets it finds in `/run/secrets`; Gantry's own.
        secrets: Vec<SecretReference> => "Secrets" omitempty,
    }

    /// Answer of `POST /containers/create`.
    pub struct ContainerCreateResponse {
        /// The new container.
        id: String => "Id",
        /// What the user should know.
        warnings: Vec<String> => "Warnings",
    }

    /// `POST /containers/{id}/update`.
    pub struct ContainerUpdateRequest {
        /// New limits; zero keeps the old.
        resources: Resources => flatten,
        /// New restart policy; an empty name keeps the old.
        restart_policy: RestartPolicy => "RestartPolicy",
        /// Our own addition: what Docker makes a new container for.
        gantry: Option<ContainerChange> => "Gantry" omitempty,
    }

    /// Answer of `POST /containers/{id}/update`.
    pub struct ContainerUpdateResponse {
        /// What the user should know.
        warnings: Option<Vec<String>> => "Warnings",
        /// What became of our own changes; only when some were asked for.
        gantry: Option<ContainerChanged> => "Gantry" omitempty,
    }

    /// One result of a health check.
    pub struct HealthcheckResult {
        /// RFC 3339.
        start: String => "Start",
        /// RFC 3339.
        end: String => "End",
        /// 0 is healthy.
        exit_code: i64 => "ExitCode",
        /// The start of its output.
        output: String => "Output",
    }

    /// How a container feels.
    pub struct Health {
        /// `none`, `starting`, `healthy` or `unhealthy`.
        status: String => "Status",
        /// Failures in a row.
        failing_streak: i64 => "FailingStreak",
        /// The last five results.
        log: Option<Vec<HealthcheckResult>> => "Log",
    }

    /// A container's state.
    pub struct ContainerState {
        /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
        status: String => "Status",
        /// Its process lives.
        running: bool => "Running",
        /// Frozen.
        paused: bool => "Paused",
        /// Waits to be started again.
        restarting: bool => "Restarting",
        /// Killed for lack of memory.
        oom_killed: bool => "OOMKilled",
        /// Could not be removed.
        dead: bool => "Dead",
        /// PID on the host, 0 when not running.
        pid: i64 => "Pid",
        /// Exit status.
        exit_code: i64 => "ExitCode",
        /// Why it did not start.
        error: String => "Error",
        /// RFC 3339.
        started_at: String => "StartedAt",
        /// RFC 3339.
        finished_at: String => "FinishedAt",
        /// Only with a health check.
        health: Option<Health> => "Health" omitempty,
    }

    /// Storage of a container or an image.
    pub struct GraphDriver {
        /// Paths and the like.
        data: Option<BTreeMap<String, String>> => "Data",
        /// Driver's name.
        name: String => "Name",
    }

    /// An address with its prefix; kept for old clients.
    pub struct Address {
        /// Address.
        addr: String => "Addr",
        /// Bits of the prefix.
        prefix_len: i64 => "PrefixLen",
    }

    /// A container's network as inspect tells it.
    pub struct NetworkSettings {
        /// Bridge of `--bridge`.
        bridge: String => "Bridge",
        /// Sandbox.
        sandbox_id: String => "SandboxID",
        /// Path of its network namespace.
        sandbox_key: String => "SandboxKey",
        /// Exposed and published ports.
        ports: Option<PortMap> => "Ports",
        /// Never set.
        hairpin_mode: bool => "HairpinMode",
        /// Never set.
        link_local_ipv6_address: String => "LinkLocalIPv6Address",
        /// Never set.
        link_local_ipv6_prefix_len: i64 => "LinkLocalIPv6PrefixLen",
        /// Never set.
        secondary_ip_addresses: Option<Vec<Address>> => "SecondaryIPAddresses",
        /// Never set.
        secondary_ipv6_addresses: Option<Vec<Address>> => "SecondaryIPv6Addresses",
        /// Of the default bridge.
        endpoint_id: String => "EndpointID",
        /// Of the default bridge.
        gateway: String => "Gateway",
        /// Of the default bridge.
        global_ipv6_address: String => "GlobalIPv6Address",
        /// Of the default bridge.
        global_ipv6_prefix_len: i64 => "GlobalIPv6PrefixLen",
        /// Of the default bridge.
        ip_address: String => "IPAddress",
        /// Of the default bridge.
        ip_prefix_len: i64 => "IPPrefixLen",
        /// Of the default bridge.
        ipv6_gateway: String => "IPv6Gateway",
        /// Of the default bridge.
        mac_address: String => "MacAddress",
        /// All networks by name.
        networks: Option<BTreeMap<String, EndpointSettings>> => "Networks",
    }

    /// `GET /containers/{id}/json`.
    pub struct ContainerInspect {
        /// 64 hex digits.
        id: String => "Id",
        /// RFC 3339.
        created: String => "Created",
        /// Program.
        path: String => "Path",
        /// Its arguments.
        args: Vec<String> => "Args",
        /// State.
        state: ContainerState => "State",
        /// Image id.
        image: String => "Image",
        /// File on the host.
        resolv_conf_path: String => "ResolvConfPath",
        /// File on the host.
        hostname_path: String => "HostnamePath",
        /// File on the host.
        hosts_path: String => "HostsPath",
        /// File on the host.
        log_path: String => "LogPath",
        /// `/name`.
        name: String => "Name",
        /// Automatic restarts.
        restart_count: i64 => "RestartCount",
        /// Snapshotter.
        driver: String => "Driver",
        /// `linux`.
        platform: String => "Platform",
        /// SELinux.
        mount_label: String => "MountLabel",
        /// SELinux.
        process_label: String => "ProcessLabel",
        /// AppArmor.
        app_armor_profile: String => "AppArmorProfile",
        /// Running execs.
        exec_ids: Option<Vec<String>> => "ExecIDs",
        /// How it sits on the host.
        host_config: HostConfig => "HostConfig",
        /// Storage.
        graph_driver: GraphDriver => "GraphDriver",
        /// Bytes written, with `size`.
        size_rw: Option<i64> => "SizeRw" omitempty,
        /// Bytes in all, with `size`.
        size_root_fs: Option<i64> => "SizeRootFs" omitempty,
        /// Mounts.
        mounts: Vec<MountPoint> => "Mounts",
        /// What runs.
        config: ContainerConfig => "Config",
        /// Network.
        network_settings: NetworkSettings => "NetworkSettings",
        /// The image's manifest, where the store knows it.
        image_manifest_descriptor: Option<Descriptor> => "ImageManifestDescriptor" omitempty,
    }

    /// A port in the list.
    pub struct Port {
        /// Host address.
        ip: String => "IP" omitempty,
        /// Port inside.
        private_port: u16 => "PrivatePort",
        /// Port on the host.
        public_port: u16 => "PublicPort" omitempty,
        /// `tcp`, `udp` or `sctp`.
        kind: String => "Type",
    }

    /// The little of `HostConfig` that the list has.
    pub struct SummaryHostConfig {
        /// Network mode.
        network_mode: String => "NetworkMode" omitempty,
        /// Annotations.
        annotations: BTreeMap<String, String> => "Annotations" omitempty,
    }

    /// The networks of a container in the list.
    pub struct SummaryNetworkSettings {
        /// Networks by name.
        networks: Option<BTreeMap<String, EndpointSettings>> => "Networks",
    }

    /// `GET /containers/json`, one entry.
    pub struct ContainerSummary {
        /// 64 hex digits.
        id: String => "Id",
        /// `/name` and `/other/alias`.
        names: Option<Vec<String>> => "Names",
        /// The image as the user named it.
        image: String => "Image",
        /// Image id.
        image_id: String => "ImageID",
        /// The image's manifest, where the store knows it.
        image_manifest_descriptor: Option<Descriptor> => "ImageManifestDescriptor" omitempty,
        /// Command line.
        command: String => "Command",
        /// Unix seconds.
        created: i64 => "Created",
        /// Ports.
        ports: Vec<Port> => "Ports",
        /// Bytes written, with `size`.
        size_rw: i64 => "SizeRw" omitempty,
        /// Bytes in all, with `size`.
        size_root_fs: i64 => "SizeRootFs" omitempty,
        /// Labels.
        labels: Option<BTreeMap<String, String>> => "Labels",
        /// `running`, ...
        state: String => "State",
        /// `Up 5 minutes (healthy)`.
        status: String => "Status",
        /// Network mode.
        host_config: SummaryHostConfig => "HostConfig",
        /// Networks.
        network_settings: SummaryNetworkSettings => "NetworkSettings",
        /// Mounts.
        mounts: Vec<MountPoint> => "Mounts",
    }

    /// Why waiting failed.
    pub struct WaitError {
        /// The reason.
        message: String => "Message" omitempty,
    }

    /// `POST /containers/{id}/wait`.
    pub struct WaitResponse {
        /// Exit status.
        status_code: i64 => "StatusCode",
        /// Why waiting failed.
        error: Option<WaitError> => "Error" omitempty,
    }

    /// `GET /containers/{id}/top`.
    pub struct TopResponse {
        /// A row per process.
        processes: Vec<Vec<String>> => "Processes",
        /// Column titles.
        titles: Vec<String> => "Titles",
    }

    /// `GET /containers/{id}/changes`, one entry.
    pub struct FilesystemChange {
        /// 0 modified, 1 added, 2 deleted.
        kind: u8 => "Kind",
        /// Path inside.
        path: String => "Path",
    }

    /// The `X-Docker-Container-Path-Stat` header, before base64.
    pub struct PathStat {
        /// File name.
        name: String => "name",
        /// Bytes.
        size: i64 => "size",
        /// Go's `os.FileMode` bits.
        mode: u32 => "mode",
        /// RFC 3339.
        mtime: String => "mtime",
        /// Where a symbolic link leads.
        link_target: String => "linkTarget",
    }

    /// `POST /commit`.
    pub struct CommitResponse {
        /// The new image.
        id: String => "Id",
    }
}
