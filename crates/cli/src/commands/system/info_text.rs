//! What `info` says about the server, in Docker's order.

use std::fmt::Write as _;

use gantry_api_types::SystemInfo;
use gantry_units::bytes_size;

/// The lines behind `Server:`.
pub(crate) fn server_text(info: &SystemInfo) -> String {
    let mut text = Lines::default();
    counts(&mut text, info);
    storage(&mut text, info);
    text.line("Logging Driver", &info.logging_driver);
    text.line("Cgroup Driver", &info.cgroup_driver);
    text.line("Cgroup Version", &info.cgroup_version);
    plugins(&mut text, info);
    swarm_and_runtimes(&mut text, info);
    security(&mut text, info);
    host(&mut text, info);
    registries(&mut text, info);
    text.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    /// A line, if there is something to say.
    fn line(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.always(1, name, value);
        }
    }

    fn always(&mut self, indent: usize, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{}{name}: {value}", " ".repeat(indent));
    }

    fn text(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.0, "{}{text}", " ".repeat(indent));
    }
}

fn counts(text: &mut Lines, info: &SystemInfo) {
    text.always(1, "Containers", info.containers);
    text.always(2, "Running", info.containers_running);
    text.always(2, "Paused", info.containers_paused);
    text.always(2, "Stopped", info.containers_stopped);
    text.always(1, "Images", info.images);
    text.line("Server Version", &info.server_version);
}

fn storage(text: &mut Lines, info: &SystemInfo) {
    text.line("Storage Driver", &info.driver);
    for [name, value] in info.driver_status.iter().flatten() {
        text.always(2, name, value);
    }
}

fn plugins(text: &mut Lines, info: &SystemInfo) {
    text.text(1, "Plugins:");
    let kinds = [
        ("Volume", &info.plugins.volume),
        ("Network", &info.plugins.network),
        ("Authorization", &info.plugins.authorization),
        ("Log", &info.plugins.log),
    ];
    for (name, plugins) in kinds {
        match plugins {
            Some(plugins) if !plugins.is_empty() => text.always(2, name, plugins.join(" ")),
            _ => {}
        }
    }
    let directories = info.cdi_spec_dirs.iter().flatten().collect::<Vec<_>>();
    if !directories.is_empty() {
        text.text(1, "CDI spec directories:");
        for directory in directories {
            text.text(2, directory);
        }
    }
}

fn swarm_and_runtimes(text: &mut Lines, info: &SystemInfo) {
    text.line("Swarm", &info.swarm.local_node_state);
    let runtimes: Vec<&str> = info.runtimes.keys().map(String::as_str).collect();
    text.line("Runtimes", &runtimes.join(" "));
    text.line("Default Runtime", &info.default_runtime);
    text.line("Init Binary", &info.init_binary);
    text.line("containerd version", &info.containerd_commit.id);
    text.line("runc version", &info.runc_commit.id);
    text.line("init version", &info.init_commit.id);
}

/// `name=seccomp,profile=builtin` is a name and a line for each other key.
fn security(text: &mut Lines, info: &SystemInfo) {
    if info.security_options.is_empty() {
        return;
    }
    text.text(1, "Security Options:");
    for option in &info.security_options {
        for (key, value) in option.split(',').filter_map(|pair| pair.split_once('=')) {
            match key {
                "name" => text.text(2, value),
                "profile" => text.always(3, "Profile", value),
                key => text.always(3, key, value),
            }
        }
    }
}

fn host(text: &mut Lines, info: &SystemInfo) {
    text.line("Kernel Version", &info.kernel_version);
    text.line("Operating System", &info.operating_system);
    text.line("OSType", &info.os_type);
    text.line("Architecture", &info.architecture);
    text.always(1, "CPUs", info.ncpu);
    text.always(1, "Total Memory", bytes_size(info.mem_total as f64));
    text.line("Name", &info.name);
    text.line("ID", &info.id);
    text.line("Docker Root Dir", &info.docker_root_dir);
    text.always(1, "Debug Mode", info.debug);
    if info.debug {
        text.always(2, "File Descriptors", info.n_fd);
        text.always(2, "Goroutines", info.n_goroutines);
        text.always(2, "System Time", &info.system_time);
        text.always(2, "EventsListeners", info.n_events_listener);
    }
    text.line("HTTP Proxy", &info.http_proxy);
    text.line("HTTPS Proxy", &info.https_proxy);
    text.line("No Proxy", &info.no_proxy);
    if !info.labels.is_empty() {
        text.text(1, "Labels:");
        for label in &info.labels {
            text.text(2, label);
        }
    }
    text.always(1, "Experimental", info.experimental_build);
}

fn registries(text: &mut Lines, info: &SystemInfo) {
    if let Some(registries) = &info.registry_config {
        let insecure: Vec<&String> = registries
            .index_configs
            .iter()
            .filter(|(_, index)| !index.secure)
            .map(|(name, _)| name)
            .chain(&registries.insecure_registry_cidrs)
            .collect();
        if !insecure.is_empty() {
            text.text(1, "Insecure Registries:");
            for name in insecure {
                text.text(2, name);
            }
        }
        if !registries.mirrors.is_empty() {
            text.text(1, "Registry Mirrors:");
            for mirror in &registries.mirrors {
                text.text(2, mirror);
            }
        }
    }
    text.always(1, "Live Restore Enabled", info.live_restore_enabled);
    if let Some(firewall) = &info.firewall_backend {
        text.always(1, "Firewall Backend", &firewall.driver);
    }
    if !info.default_address_pools.is_empty() {
        text.text(1, "Default Address Pools:");
        for pool in &info.default_address_pools {
            text.text(3, &format!("Base: {}, Size: {}", pool.base, pool.size));
        }
    }
}
