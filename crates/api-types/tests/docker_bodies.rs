//! Bodies as Docker's own programs write them, read and written again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gantry_api_types::{
    ContainerConfig, ContainerCreateRequest, ContainerInspect, ContainerSummary, Event,
    ExecInspect, HostConfig, ImageInspect, ImageSummary, JsonMessage, NetworkResource, Port,
    RestartPolicy, VolumeListing, WaitResponse, ZERO_TIME, json,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a body and expects to write exactly the same keys and values.
fn keeps<T: DeserializeOwned + Default + Serialize>(text: &str) -> T {
    let body: T = json::from_slice(text.as_bytes()).unwrap();
    let before: Value = serde_json::from_str(text).unwrap();
    let after = serde_json::to_value(&body).unwrap();
    assert_eq!(
        after,
        before,
        "{}",
        serde_json::to_string_pretty(&after).unwrap()
    );
    body
}

const HOST_CONFIG: &str = r#"{
    "Binds": ["/srv:/srv:ro"], "ContainerIDFile": "", "LogConfig": {"Type": "json-file", "Config": {}},
    "NetworkMode": "bridge", "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/tcp": null},
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "AutoRemove": false, "VolumeDriver": "",
    "VolumesFrom": null, "ConsoleSize": [24, 80], "CapAdd": null, "CapDrop": null, "CgroupnsMode": "private",
    "Dns": [], "DnsOptions": [], "DnsSearch": [], "ExtraHosts": null, "GroupAdd": null, "IpcMode": "private",
    "Cgroup": "", "Links": null, "OomScoreAdj": 0, "PidMode": "", "Privileged": false,
    "PublishAllPorts": false, "ReadonlyRootfs": false, "SecurityOpt": null, "UTSMode": "", "UsernsMode": "",
    "ShmSize": 67108864, "Runtime": "runc", "Isolation": "", "CpuShares": 0, "Memory": 0, "NanoCpus": 0,
    "CgroupParent": "", "BlkioWeight": 0, "BlkioWeightDevice": [], "BlkioDeviceReadBps": [],
    "BlkioDeviceWriteBps": [], "BlkioDeviceReadIOps": [], "BlkioDeviceWriteIOps": [], "CpuPeriod": 0,
    "CpuQuota": 0, "CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0, "CpusetCpus": "", "CpusetMems": "",
    "Devices": [], "DeviceCgroupRules": null, "DeviceRequests": null, "MemoryReservation": 0,
    "MemorySwap": 0, "MemorySwappiness": null, "OomKillDisable": null, "PidsLimit": null, "Ulimits": [],
    "CpuCount": 0, "CpuPercent": 0, "IOMaximumIOps": 0, "IOMaximumBandwidth": 0,
    "MaskedPaths": ["/proc/acpi"], "ReadonlyPaths": ["/proc/sys"]
}"#;

const CONFIG: &str = r#"{
    "Hostname": "6f8dfc2dbf71", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": true,
    "AttachStderr": true, "ExposedPorts": {"80/tcp": {}}, "Tty": false, "OpenStdin": false, "StdinOnce": false,
    "Env": ["PATH=/bin"], "Cmd": ["nginx", "-g", "daemon off;"], "Image": "nginx", "Volumes": null,
    "WorkingDir": "", "Entrypoint": ["/docker-entrypoint.sh"], "OnBuild": null, "Labels": {"a": "b"},
    "StopSignal": "SIGQUIT"
}"#;

#[test]
fn a_host_config_comes_back_as_it_was_given() {
    let host: HostConfig = keeps(HOST_CONFIG);
    assert_eq!(host.resources.pids_limit, None);
    assert_eq!(host.port_bindings.unwrap()["81/tcp"], None);
}

#[test]
fn a_config_comes_back_as_it_was_given() {
    let config: ContainerConfig = keeps(CONFIG);
    assert_eq!(config.cmd.unwrap().len(), 3);
}

#[test]
fn an_inspect_has_all_of_dockers_keys() {
    let text = format!(
        r#"{{"Id": "6f8dfc2dbf71", "Created": "2026-01-01T00:00:00.000000001Z", "Path": "/docker-entrypoint.sh",
        "Args": ["nginx"], "State": {{"Status": "running", "Running": true, "Paused": false, "Restarting": false,
        "OOMKilled": false, "Dead": false, "Pid": 42, "ExitCode": 0, "Error": "",
        "StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": "{ZERO_TIME}"}}, "Image": "sha256:1",
        "ResolvConfPath": "", "HostnamePath": "", "HostsPath": "", "LogPath": "", "Name": "/web",
        "RestartCount": 0, "Driver": "overlay2", "Platform": "linux", "MountLabel": "", "ProcessLabel": "",
        "AppArmorProfile": "", "ExecIDs": null, "HostConfig": {HOST_CONFIG},
        "GraphDriver": {{"Data": null, "Name": "overlay2"}}, "Mounts": [{{"Type": "bind", "Source": "/srv",
        "Destination": "/srv", "Mode": "ro", "RW": false, "Propagation": "rprivate"}}], "Config": {CONFIG},
        "NetworkSettings": {{"Bridge": "", "SandboxID": "", "SandboxKey": "", "Ports": {{"80/tcp":
        [{{"HostIp": "0.0.0.0", "HostPort": "8080"}}], "443/tcp": null}}, "HairpinMode": false,
        "LinkLocalIPv6Address": "", "LinkLocalIPv6PrefixLen": 0, "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null, "EndpointID": "", "Gateway": "172.17.0.1", "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0, "IPAddress": "172.17.0.2", "IPPrefixLen": 16, "IPv6Gateway": "",
        "MacAddress": "", "Networks": {{"bridge": {{"IPAMConfig": null, "Links": null, "Aliases": null,
        "MacAddress": "", "DriverOpts": null, "GwPriority": 0, "NetworkID": "", "EndpointID": "",
        "Gateway": "", "IPAddress": "172.17.0.2", "IPPrefixLen": 16, "IPv6Gateway": "",
        "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "DNSNames": null}}}}}}}}"#
    );
    let inspect: ContainerInspect = keeps(&text);
    assert_eq!(inspect.state.pid, 42);
}

#[test]
fn small_bodies_come_back_as_they_were_given() {
    keeps::<WaitResponse>(r#"{"StatusCode": 0}"#);
    keeps::<WaitResponse>(r#"{"StatusCode": 1, "Error": {"Message": "gone"}}"#);
    keeps::<Port>(r#"{"PrivatePort": 80, "Type": "tcp"}"#);
    keeps::<Port>(r#"{"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}"#);
    keeps::<VolumeListing>(r#"{"Volumes": [], "Warnings": null}"#);
    keeps::<JsonMessage>(
        r#"{"status": "Pulling fs layer", "progressDetail": {}, "id": "a3ed95caeb02"}"#,
    );
    keeps::<JsonMessage>(
        r#"{"status": "Downloading", "progressDetail": {"current": 5, "total": 9}, "id": "a3ed95caeb02"}"#,
    );
    keeps::<JsonMessage>(r#"{"errorDetail": {"message": "no"}, "error": "no"}"#);
    keeps::<Event>(
        r#"{"status": "start", "id": "1", "from": "nginx", "Type": "container", "Action": "start", "Actor":
        {"ID": "1", "Attributes": {"image": "nginx", "name": "web"}}, "scope": "local", "time": 1, "timeNano": 1000000001}"#,
    );
    keeps::<Event>(
        r#"{"Type": "network", "Action": "connect", "Actor": {"ID": "1", "Attributes": {}}, "scope": "local",
        "time": 1, "timeNano": 1000000001}"#,
    );
    keeps::<ExecInspect>(
        r#"{"ID": "1", "Running": false, "ExitCode": null, "ProcessConfig": {"tty": false, "entrypoint": "sh",
        "arguments": ["-c", "ls"], "privileged": false}, "OpenStdin": false, "OpenStderr": true,
        "OpenStdout": true, "CanRemove": false, "ContainerID": "2", "DetachKeys": "", "Pid": 0}"#,
    );
    keeps::<ImageSummary>(
        r#"{"Containers": -1, "Created": 1, "Id": "sha256:1", "Labels": null, "ParentId": "",
        "RepoDigests": ["nginx@sha256:2"], "RepoTags": ["nginx:latest"], "SharedSize": -1, "Size": 5}"#,
    );
    keeps::<ImageInspect>(
        r#"{"Id": "sha256:1", "RepoTags": ["nginx:latest"], "RepoDigests": [], "Parent": "", "Comment": "",
        "Created": "2026-01-01T00:00:00Z", "DockerVersion": "", "Author": "", "Config": {"User": "",
        "Env": ["A=1"], "Entrypoint": null, "Cmd": ["nginx"], "Volumes": null, "WorkingDir": "", "Labels": null,
        "OnBuild": null, "StopSignal": "SIGQUIT"}, "Architecture": "amd64", "Os": "linux", "Size": 5,
        "GraphDriver": {"Data": null, "Name": "overlay2"}, "RootFS": {"Type": "layers", "Layers": ["sha256:3"]},
        "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"}}"#,
    );
    keeps::<NetworkResource>(
        r#"{"Name": "bridge", "Id": "1", "Created": "", "Scope": "local", "Driver": "bridge", "EnableIPv4": true,
        "EnableIPv6": false, "IPAM": {"Driver": "default", "Options": null, "Config": [{"Subnet":
        "172.17.0.0/16", "Gateway": "172.17.0.1"}]}, "Internal": false, "Attachable": false, "Ingress": false,
        "ConfigFrom": {"Network": ""}, "ConfigOnly": false, "Containers": {}, "Options": {}, "Labels": {}}"#,
    );
}

#[test]
fn the_command_lines_create_is_read() {
    let text = format!(
        r#"{{"Image": "nginx", "Entrypoint": null, "Cmd": null, "ExposedPorts": {{}}, "HostConfig": {HOST_CONFIG},
        "NetworkingConfig": {{"EndpointsConfig": {{"default": null}}}}}}"#
    );
    let create: ContainerCreateRequest = json::from_slice(text.as_bytes()).unwrap();
    assert_eq!(create.config.image, "nginx");
    assert!(create.config.cmd.is_none());
    assert_eq!(
        create.networking_config.endpoints_config.unwrap()["default"],
        None
    );
}

#[test]
fn reading_is_as_lenient_as_gos() {
    let read = |text: &str| json::from_slice::<ContainerCreateRequest>(text.as_bytes());
    let body = read(
        r#"{"image": "a", "CMD": "ls", "Env": null, "Tty": null, "Unknown": {"x": [1]}, "HostConfig": null,
        "Volumes": {"/data": null}, "Labels": {"a": "1"}, "Labels": {"b": "2"}}"#,
    )
    .unwrap();
    assert_eq!(body.config.image, "a");
    assert_eq!(body.config.cmd.unwrap().0, ["ls"]);
    assert!(body.config.volumes.unwrap().contains_key("/data"));
    assert_eq!(body.config.labels.unwrap().len(), 1);
    assert_eq!(read("").unwrap(), ContainerCreateRequest::default());
    assert_eq!(read("null").unwrap(), ContainerCreateRequest::default());
}

#[test]
fn a_wrong_type_names_the_field() {
    let wrong = br#"{"HostConfig": {"Memory": "64m"}}"#;
    let error = json::from_slice::<ContainerCreateRequest>(wrong)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("HostConfig") && error.contains("Memory"),
        "{error}"
    );
    assert!(json::from_slice::<RestartPolicy>(b"[1]").is_err());
    assert!(json::from_slice::<RestartPolicy>(b"{\"Name\": ").is_err());
}

#[test]
fn a_created_summary_writes_lists_not_null() {
    let summary = serde_json::to_value(ContainerSummary::default()).unwrap();
    assert_eq!(summary["Ports"], Value::Array(vec![]));
    assert_eq!(summary["Mounts"], Value::Array(vec![]));
    assert!(summary.get("SizeRw").is_none());
}
