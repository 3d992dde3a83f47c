//! Shapes of answers that older API versions had.
//!
//! New fields are left in old answers, since clients ignore them; fields that a version had and
//! that are gone since are put back.

use gantry_api_types::{
    ContainerConfig, ContainerCreateRequest, ContainerInspect, ContainerSummary, DiskUsage,
    ImageInspect, ImageSummary, Mount, SystemInfo,
};
use serde_json::{Map, Value, json};

use crate::version::ApiVersion;

/// `POST /containers/create`: what a request means that says nothing of later choices.
pub(crate) fn create(version: ApiVersion, request: &mut ContainerCreateRequest) {
    let host = &mut request.host_config;
    if !version.is_at_least(40) && host.ipc_mode.is_empty() {
        "shareable".clone_into(&mut host.ipc_mode);
    }
    if !version.is_at_least(25) {
        // Clients removed by themselves in those days.
        host.auto_remove = false;
    }
    if !version.is_at_least(43) {
        host.annotations.clear();
    }
    if !version.is_at_least(42) {
        host.console_size = [0, 0];
    }
    for mount in &mut host.mounts {
        older_mount(version, mount);
    }
    if let Some(check) = request.config.healthcheck.as_mut()
        && !version.is_at_least(44)
    {
        check.start_interval = 0;
    }
    let host = &mut request.host_config;
    if !version.is_at_least(41) && host.cgroupns_mode.is_empty() {
        "host".clone_into(&mut host.cgroupns_mode);
    }
}

/// Options that a version did not have yet; before 1.44 read-only meant only the topmost mount.
fn older_mount(version: ApiVersion, mount: &mut Mount) {
    if mount.kind == "bind" && mount.read_only && !version.is_at_least(44) {
        let options = mount.bind_options.get_or_insert_default();
        options.read_only_non_recursive = true;
    }
    if let Some(options) = &mut mount.bind_options {
        options.non_recursive &= version.is_at_least(40);
        options.create_mountpoint &= version.is_at_least(42);
    }
}

/// `GET /containers/json`
pub(crate) fn containers(
    version: ApiVersion,
    mut list: Vec<ContainerSummary>,
) -> Vec<ContainerSummary> {
    if !version.is_at_least(46) {
        for container in &mut list {
            container.host_config.annotations.clear();
        }
    }
    list
}

/// `GET /containers/{name}/json`: aliases had the short ID among them until API 1.44.
pub(crate) fn container(version: ApiVersion, mut container: ContainerInspect) -> ContainerInspect {
    if version.is_at_least(45) {
        return container;
    }
    let short: String = container.id.chars().take(12).collect();
    let networks = container.network_settings.networks.iter_mut().flatten();
    for (name, settings) in networks {
        let own = !matches!(name.as_str(), "bridge" | "default" | "host" | "none");
        let aliases = settings.aliases.iter().flatten();
        if own && !aliases.into_iter().any(|alias| *alias == short) {
            settings.aliases.get_or_insert_default().push(short.clone());
        }
    }
    container
}

/// `GET /info`
pub(crate) fn info(version: ApiVersion, mut info: SystemInfo) -> Value {
    if !version.is_at_least(49) {
        for commit in [
            &mut info.containerd_commit,
            &mut info.runc_commit,
            &mut info.init_commit,
        ] {
            commit.expected.clone_from(&commit.id);
        }
    }
    let mut body = value(&info);
    if !version.is_at_least(42) {
        // Limiting kernel memory was deprecated by the kernel, and is not done here.
        put(&mut body, "KernelMemory", info.kernel_memory.into());
    }
    if !version.is_at_least(47) {
        for list in ["CIDRs", "Hostnames"] {
            let key = format!("AllowNondistributableArtifacts{list}");
            put(&mut body["RegistryConfig"], &key, Value::Null);
        }
    }
    if !version.is_at_least(50) {
        for (key, name) in [
            ("BridgeNfIptables", "bridge-nf-call-iptables"),
            ("BridgeNfIp6tables", "bridge-nf-call-ip6tables"),
        ] {
            put(&mut body, key, bridge_filter(name).into());
        }
    }
    body
}

/// Whether bridged packets pass the firewall, as `/info` told until API 1.49.
fn bridge_filter(name: &str) -> bool {
    std::fs::read(format!("/proc/sys/net/bridge/{name}")).is_ok_and(|text| text.starts_with(b"1"))
}

/// `GET /system/df`
pub(crate) fn disk_usage(version: ApiVersion, usage: DiskUsage) -> Value {
    let mut body = value(&usage);
    if !version.is_at_least(44) {
        for image in body["Images"].as_array_mut().into_iter().flatten() {
            virtual_size(image);
        }
    }
    body
}

/// `GET /images/json`
pub(crate) fn images(version: ApiVersion, images: &[ImageSummary]) -> Value {
    let mut body = json!(images);
    for image in body.as_array_mut().into_iter().flatten() {
        if !version.is_at_least(44) {
            virtual_size(image);
        }
        if !version.is_at_least(43) {
            nameless(image);
        }
    }
    body
}

/// An image without a name had one made of `<none>`, one without digests `null`.
fn nameless(image: &mut Value) {
    let is_empty = |key: &str| image[key].as_array().is_none_or(Vec::is_empty);
    match (is_empty("RepoTags"), is_empty("RepoDigests")) {
        (true, true) => {
            put(image, "RepoTags", json!(["<none>:<none>"]));
            put(image, "RepoDigests", json!(["<none>@<none>"]));
        }
        (true, false) => put(image, "RepoTags", Value::Null),
        (false, true) => put(image, "RepoDigests", Value::Null),
        (false, false) => {}
    }
}

/// `GET /images/{name}/json`
pub(crate) fn image(version: ApiVersion, inspect: &ImageInspect) -> Value {
    let mut body = value(inspect);
    if !version.is_at_least(44) {
        virtual_size(&mut body);
    }
    if !version.is_at_least(45) {
        put(
            &mut body,
            "ContainerConfig",
            value(&ContainerConfig::default()),
        );
    }
    if !version.is_at_least(50)
        && let Some(config) = body["Config"].as_object_mut()
    {
        container_fields(config);
    }
    body
}

/// An image's configuration was that of a container until API 1.49, with its empty fields.
fn container_fields(config: &mut Map<String, Value>) {
    for key in ["Hostname", "Domainname", "Image"] {
        config.entry(key).or_insert_with(|| "".into());
    }
    for key in [
        "AttachStdin",
        "AttachStdout",
        "AttachStderr",
        "Tty",
        "OpenStdin",
        "StdinOnce",
    ] {
        config.entry(key).or_insert(false.into());
    }
}

fn virtual_size(image: &mut Value) {
    let size = image["Size"].clone();
    put(image, "VirtualSize", size);
}

fn value<T: serde::Serialize>(body: &T) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}

fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(body) = body.as_object_mut() {
        body.insert(key.to_owned(), value);
    }
}
