//! The host's half of the body.

use gantry_api_types::{
    DeviceMapping, DeviceRequest, HostConfig, LogConfig, PortMap, Resources, RestartPolicy,
    ThrottleDevice, Ulimit, WeightDevice,
};
use gantry_units::{Device, NamespaceMode};

use super::body::pairs;
use super::flags::ContainerFlags;
use super::grammar::Rates;
use super::{mounts, security};

pub(crate) fn host_config(flags: &ContainerFlags, bindings: PortMap) -> Result<HostConfig, String> {
    check_modes(flags)?;
    Ok(HostConfig {
        binds: mounts::binds(flags)?,
        container_id_file: flags.cidfile.clone(),
        log_config: log_config(flags)?,
        port_bindings: Some(bindings),
        restart_policy: restart_policy(&flags.restart)?,
        auto_remove: flags.rm,
        volume_driver: flags.volume_driver.clone(),
        volumes_from: list(&flags.volumes_from),
        annotations: pairs(&flags.annotation),
        cap_add: list(&flags.cap_add),
        cap_drop: list(&flags.cap_drop),
        cgroupns_mode: flags.cgroupns.clone(),
        dns: Some(flags.dns.iter().map(|address| address.0.clone()).collect()),
        dns_options: Some(flags.dns_option.to_vec()),
        dns_search: Some(
            flags
                .dns_search
                .iter()
                .map(|domain| domain.0.clone())
                .collect(),
        ),
        extra_hosts: list(&flags.add_host),
        group_add: list(&flags.group_add),
        ipc_mode: flags.ipc.clone(),
        links: list(&flags.link),
        oom_score_adj: flags.oom_score_adj,
        pid_mode: flags.pid.clone(),
        privileged: flags.privileged,
        publish_all_ports: flags.publish_all,
        readonly_rootfs: flags.read_only,
        security_opt: security::options(&flags.security_opt)?,
        storage_opt: storage_options(flags)?,
        tmpfs: mounts::tmpfs(flags),
        uts_mode: flags.uts.clone(),
        userns_mode: flags.userns.clone(),
        shm_size: flags.shm_size.0,
        sysctls: flags
            .sysctl
            .iter()
            .map(|s| (s.key.clone(), s.value.clone()))
            .collect(),
        runtime: flags.runtime.clone(),
        isolation: flags.isolation.clone(),
        resources: resources(flags)?,
        mounts: mounts::mounts(flags),
        masked_paths: security::unconfined_paths(&flags.security_opt),
        readonly_paths: security::unconfined_paths(&flags.security_opt),
        init: flags.init,
        ..HostConfig::default()
    })
}

/// `None` when nothing was given, as `null` is what Docker sends then.
pub(crate) fn list<T: ToString>(items: &[T]) -> Option<Vec<String>> {
    (!items.is_empty()).then(|| items.iter().map(ToString::to_string).collect())
}

fn check_modes(flags: &ContainerFlags) -> Result<(), String> {
    if NamespaceMode::pid(&flags.pid).is_err() {
        return Err("--pid: invalid PID mode".to_owned());
    }
    if NamespaceMode::uts(&flags.uts).is_err() {
        return Err("--uts: invalid UTS mode".to_owned());
    }
    if NamespaceMode::user(&flags.userns).is_err() {
        return Err("--userns: invalid USER mode".to_owned());
    }
    if NamespaceMode::cgroup(&flags.cgroupns).is_err() {
        return Err("--cgroupns: invalid CGROUP mode".to_owned());
    }
    Ok(())
}

fn log_config(flags: &ContainerFlags) -> Result<LogConfig, String> {
    if flags.log_driver == "none" && !flags.log_opt.is_empty() {
        return Err("invalid logging opts for driver none".to_owned());
    }
    Ok(LogConfig {
        kind: flags.log_driver.clone(),
        config: Some(pairs(&flags.log_opt)),
    })
}

/// Whether the name is a policy at all is the daemon's to say, as with Docker's client.
pub(crate) fn restart_policy(text: &str) -> Result<RestartPolicy, String> {
    if text.is_empty() {
        return Ok(RestartPolicy::default());
    }
    let (name, count) = match text.split_once(':') {
        Some((_, "") | ("", _)) => {
            return Err(
                "invalid restart policy format: no policy provided before colon".to_owned(),
            );
        }
        Some((name, count)) => {
            let count = count.parse().map_err(|_| {
                "invalid restart policy format: maximum retry count must be an integer".to_owned()
            })?;
            (name, count)
        }
        None => (text, 0),
    };
    Ok(RestartPolicy {
        name: name.to_owned(),
        maximum_retry_count: count,
    })
}

fn storage_options(
    flags: &ContainerFlags,
) -> Result<std::collections::BTreeMap<String, String>, String> {
    if flags.storage_opt.iter().any(|option| !option.contains('=')) {
        return Err("invalid storage option".to_owned());
    }
    Ok(pairs(&flags.storage_opt))
}

fn resources(flags: &ContainerFlags) -> Result<Resources, String> {
    Ok(Resources {
        cpu_shares: flags.cpu_shares,
        memory: flags.memory.0,
        nano_cpus: flags.cpus.0,
        cgroup_parent: flags.cgroup_parent.clone(),
        blkio_weight: flags.blkio_weight,
        blkio_weight_device: Some(
            flags
                .blkio_weight_device
                .iter()
                .map(|device| WeightDevice {
                    path: device.path.clone(),
                    weight: device.weight,
                })
                .collect(),
        ),
        blkio_device_read_bps: Some(throttles(&flags.device_read_bps)),
        blkio_device_write_bps: Some(throttles(&flags.device_write_bps)),
        blkio_device_read_iops: Some(throttles(&flags.device_read_iops)),
        blkio_device_write_iops: Some(throttles(&flags.device_write_iops)),
        cpu_period: flags.cpu_period,
        cpu_quota: flags.cpu_quota,
        cpu_realtime_period: flags.cpu_rt_period,
        cpu_realtime_runtime: flags.cpu_rt_runtime,
        cpuset_cpus: flags.cpuset_cpus.clone(),
        cpuset_mems: flags.cpuset_mems.clone(),
        devices: Some(devices(flags)?),
        device_cgroup_rules: list(&flags.device_cgroup_rule),
        device_requests: device_requests(flags),
        kernel_memory: flags.kernel_memory.0,
        memory_reservation: flags.memory_reservation.0,
        memory_swap: flags.memory_swap.0,
        memory_swappiness: Some(flags.memory_swappiness).filter(|value| *value != -1),
        oom_kill_disable: Some(flags.oom_kill_disable),
        pids_limit: Some(flags.pids_limit.unwrap_or(0)),
        ulimits: Some(
            flags
                .ulimit
                .iter()
                .map(|limit| Ulimit {
                    name: limit.name.clone(),
                    hard: limit.hard,
                    soft: limit.soft,
                })
                .collect(),
        ),
        cpu_count: flags.cpu_count,
        cpu_percent: flags.cpu_percent,
        io_maximum_iops: flags.io_max_iops,
        io_maximum_bandwidth: u64::try_from(flags.io_max_bandwidth.0).unwrap_or(0),
        ..Resources::default()
    })
}

fn throttles(rates: &Rates) -> Vec<ThrottleDevice> {
    rates
        .iter()
        .map(|device| ThrottleDevice {
            path: device.path.clone(),
            rate: device.rate,
        })
        .collect()
}

/// Devices by path; `vendor.com/class=name` is one that a device description gives.
fn devices(flags: &ContainerFlags) -> Result<Vec<DeviceMapping>, String> {
    flags
        .device
        .iter()
        .filter(|text| !is_described(text))
        .map(|text| {
            let device: Device = text
                .parse()
                .map_err(|error: gantry_units::Error| error.to_string())?;
            Ok(DeviceMapping {
                path_on_host: device.host,
                path_in_container: device.container,
                cgroup_permissions: device.permissions,
            })
        })
        .collect()
}

fn is_described(text: &str) -> bool {
    !text.starts_with('/') && text.contains('=') && text.contains('/')
}

fn device_requests(flags: &ContainerFlags) -> Option<Vec<DeviceRequest>> {
    let described: Vec<String> = flags
        .device
        .iter()
        .filter(|text| is_described(text))
        .cloned()
        .collect();
    let mut requests: Vec<DeviceRequest> = flags
        .gpus
        .iter()
        .map(|gpu| DeviceRequest {
            driver: gpu.driver.clone(),
            count: gpu.count,
            device_ids: (!gpu.devices.is_empty()).then(|| gpu.devices.clone()),
            capabilities: Some(vec![gpu.capabilities.clone()]),
            options: Some(gpu.options.iter().cloned().collect()),
        })
        .collect();
    if !described.is_empty() {
        requests.push(DeviceRequest {
            driver: "cdi".to_owned(),
            device_ids: Some(described),
            ..DeviceRequest::default()
        });
    }
    (!requests.is_empty()).then_some(requests)
}
