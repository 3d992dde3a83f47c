//! `inspect`: everything that is known of a container.

use std::collections::BTreeMap;

use gantry_api_types::{
    ContainerInspect, ContainerState, EndpointSettings, GraphDriver, NetworkSettings,
};

use gantry_network::EndpointState;

use super::phase::Phase;
use super::record::Record;
use super::{Container, Containers, blocking, ports};
use crate::health::Health;
use crate::{Error, clock};

impl Containers {
    /// Everything that is known of a container; `size` counts its files too.
    pub async fn inspect(&self, id: &str, size: bool) -> Result<ContainerInspect, Error> {
        let container = self.registry.find(id)?;
        let record = container.record().clone();
        let (size_rw, size_root_fs) = if size {
            let written = self.written_bytes(&container.id).await?;
            (
                Some(written),
                Some(written + self.images.size_of(&record.image_id)),
            )
        } else {
            (None, None)
        };
        let (path, args) = command(&record);
        Ok(ContainerInspect {
            id: record.id.clone(),
            created: clock::rfc3339(record.created),
            path,
            args,
            state: state(&record),
            image: record.image_id.to_string(),
            resolv_conf_path: file_of(&container, &record, "resolv.conf"),
            hostname_path: file_of(&container, &record, "hostname"),
            hosts_path: file_of(&container, &record, "hosts"),
            log_path: log_path(&container, &record),
            name: format!("/{}", record.name),
            app_armor_profile: app_armor_profile(&record),
            restart_count: i64::from(record.state.restart_count),
            driver: record.driver.clone(),
            platform: "linux".to_owned(),
            exec_ids: Some(self.execs.running(&record.id)).filter(|ids| !ids.is_empty()),
            graph_driver: self.graph_driver(&record),
            size_rw,
            size_root_fs,
            mounts: record.mounts.clone(),
            network_settings: self.network_settings(&record),
            config: record.config,
            host_config: record.host_config,
            ..ContainerInspect::default()
        })
    }

    pub(super) async fn written_bytes(&self, id: &str) -> Result<i64, Error> {
        let (snapshots, id) = (self.snapshots.clone(), id.to_owned());
        blocking(move || Ok(snapshots.usage(&id)?.bytes as i64)).await
    }

    fn graph_driver(&self, record: &Record) -> GraphDriver {
        let upper = self.snapshots.upper(&record.id).display().to_string();
        GraphDriver {
            data: Some(BTreeMap::from([("UpperDir".to_owned(), upper)])),
            name: record.driver.clone(),
        }
    }

    fn network_settings(&self, record: &Record) -> NetworkSettings {
        let live = record.state.phase.is_live();
        let ports = ports::map(record.config.exposed_ports.keys(), &record.state.ports());
        let mut settings = NetworkSettings {
            ports: Some(if live { ports } else { BTreeMap::new() }),
            sandbox_key: if live {
                format!("/proc/{}/ns/net", record.state.pid)
            } else {
                String::new()
            },
            networks: Some(self.endpoints(record)),
            ..NetworkSettings::default()
        };
        // These are about the default bridge alone, as in Docker.
        let bridge = record
            .state
            .endpoints
            .iter()
            .find(|e| e.network_name == "bridge");
        if let Some(endpoint) = bridge {
            settings.endpoint_id.clone_from(&endpoint.endpoint_id);
            settings.mac_address = text(endpoint.mac);
            if let Some(lease) = endpoint.v4 {
                settings.gateway = text(lease.gateway);
                settings.ip_address = lease.address.address.to_string();
                settings.ip_prefix_len = i64::from(lease.address.prefix());
            }
            if let Some(lease) = endpoint.v6 {
                settings.ipv6_gateway = text(lease.gateway);
                settings.global_ipv6_address = lease.address.address.to_string();
                settings.global_ipv6_prefix_len = i64::from(lease.address.prefix());
            }
        }
        settings
    }

    /// The container's networks by name, as inspect and list show them.
    pub(super) fn endpoints(&self, record: &Record) -> BTreeMap<String, EndpointSettings> {
        let wanted = record.networking.endpoints_config.iter().flatten();
        let mut shown: BTreeMap<String, EndpointSettings> = wanted
            .map(|(name, wishes)| {
                let mut settings = wishes.as_deref().cloned().unwrap_or_default();
                if settings.network_id.is_empty()
                    && let Some(id) = self.networks.id_of(name)
                {
                    settings.network_id = id;
                }
                (name.clone(), settings)
            })
            .collect();
        for endpoint in &record.state.endpoints {
            show(
                endpoint,
                shown.entry(endpoint.network_name.clone()).or_default(),
            );
        }
        shown
    }
}

fn show(endpoint: &EndpointState, settings: &mut EndpointSettings) {
    settings.network_id.clone_from(&endpoint.network_id);
    settings.endpoint_id.clone_from(&endpoint.endpoint_id);
    settings.mac_address = text(endpoint.mac);
    if let Some(lease) = endpoint.v4 {
        // An internal network's leads nowhere.
        settings.gateway = text(lease.gateway.filter(|_| endpoint.has_exit));
        settings.ip_address = lease.address.address.to_string();
        settings.ip_prefix_len = i64::from(lease.address.prefix());
    }
    if let Some(lease) = endpoint.v6 {
        settings.ipv6_gateway = text(lease.gateway.filter(|_| endpoint.has_exit));
        settings.global_ipv6_address = lease.address.address.to_string();
        settings.global_ipv6_prefix_len = i64::from(lease.address.prefix());
    }
    if !endpoint.names.is_empty() {
        settings.dns_names = Some(endpoint.names.clone());
    }
}

/// What there is as text, else nothing.
fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Program and arguments, the entrypoint in front.
pub(super) fn command(record: &Record) -> (String, Vec<String>) {
    let mut words = record.config.entrypoint.clone().unwrap_or_default().0;
    words.retain(|w| !w.is_empty() || words_matter(&record.config));
    words.extend(record.config.cmd.clone().unwrap_or_default().0);
    if words.is_empty() {
        Default::default()
    } else {
        (words.remove(0), words)
    }
}

/// One empty word as the entrypoint means "none"; elsewhere an empty word is a word.
fn words_matter(config: &gantry_api_types::ContainerConfig) -> bool {
    config.entrypoint.as_ref().is_some_and(|e| e.len() > 1)
}

/// Whether it has been started, or could not be.
fn was_tried(record: &Record) -> bool {
    record.state.started_at != 0 || !record.state.error.is_empty()
}

/// A file that the first start writes; there is none before.
fn file_of(container: &Container, record: &Record, name: &str) -> String {
    if !was_tried(record) {
        return String::new();
    }
    container.state_dir.join(name).display().to_string()
}

/// The profile that was asked for by name; where nothing is confined by AppArmor, none once the
/// container has been started, as in Docker.
fn app_armor_profile(record: &Record) -> String {
    if was_tried(record) && !crate::apparmor::is_enabled() {
        return String::new();
    }
    let options = record.host_config.security_opt.iter().flatten();
    let mut named = options.filter_map(|option| {
        let (key, value) = option.split_once(['=', ':'])?;
        (key == "apparmor").then_some(value)
    });
    named.next_back().unwrap_or_default().to_owned()
}

fn log_path(container: &Container, record: &Record) -> String {
    if record.host_config.log_config.kind == "json-file" && was_tried(record) {
        container.log_path().display().to_string()
    } else {
        String::new()
    }
}

fn state(record: &Record) -> ContainerState {
    let state = &record.state;
    let phase = state.shown();
    ContainerState {
        status: phase.as_docker().to_owned(),
        running: matches!(phase, Phase::Running | Phase::Paused | Phase::Restarting),
        paused: phase == Phase::Paused,
        restarting: phase == Phase::Restarting,
        oom_killed: state.oom_killed,
        dead: phase == Phase::Dead,
        pid: i64::from(state.pid),
        exit_code: i64::from(state.exit_code),
        error: state.error.clone(),
        started_at: clock::rfc3339(state.started_at),
        finished_at: clock::rfc3339(state.finished_at),
        health: state.health.as_ref().map(Health::shown),
    }
}
