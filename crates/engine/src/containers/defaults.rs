//! What a request leaves open: the image's defaults, then the daemon's.

use std::collections::BTreeMap;

use gantry_api_types::json::{NameSet, Nothing, Words};
use gantry_api_types::{ContainerCreateRequest, HostConfig};
use gantry_oci::{ContainerDefaults, ImageConfig};

use super::restart;
use crate::{Error, Settings};

/// Fills the request from the image and the daemon; returns warnings.
pub(crate) fn apply(
    request: &mut ContainerCreateRequest,
    image: &ImageConfig,
    settings: &Settings,
) -> Result<Vec<String>, Error> {
    command(request, &image.config)?;
    from_image(request, &image.config);
    from_daemon(request, settings);
    crate::health::inherit(&mut request.config, image.config.healthcheck.as_ref());
    restart::needs_a_check(&request.config, &request.host_config)?;
    let host = &request.host_config;
    let mut warnings = Vec::new();
    if host.network_mode == "host" && host.port_bindings.as_ref().is_some_and(|p| !p.is_empty()) {
        warnings.push("Published ports are discarded when using host network mode".to_owned());
    }
    Ok(warnings)
}

/// An entrypoint given by the request drops the image's command, as in Docker.
fn command(request: &mut ContainerCreateRequest, image: &ContainerDefaults) -> Result<(), Error> {
    let config = &mut request.config;
    if config.entrypoint.is_none() {
        if config.cmd.as_ref().is_none_or(|c| c.is_empty()) {
            config.cmd = image.cmd.clone().map(Words);
        }
        config.entrypoint = image.entrypoint.clone().map(Words);
    }
    // `--entrypoint ""` arrives as one empty word and means: none at all.
    let entrypoint_empty = config
        .entrypoint
        .as_ref()
        .is_none_or(|e| e.is_empty() || (e.len() == 1 && e[0].is_empty()));
    if entrypoint_empty && config.cmd.as_ref().is_none_or(|c| c.is_empty()) {
        return Err(Error::Invalid("no command specified".to_owned()));
    }
    Ok(())
}

fn from_image(request: &mut ContainerCreateRequest, image: &ContainerDefaults) {
    let config = &mut request.config;
    if config.user.is_empty() {
        config.user.clone_from(&image.user);
    }
    if config.working_dir.is_empty() {
        config.working_dir.clone_from(&image.working_dir);
    }
    if config.stop_signal.is_empty() {
        config.stop_signal = image.stop_signal.clone().unwrap_or_default();
    }
    if config.shell.is_none() {
        config.shell = image.shell.clone().map(Words);
    }
    for port in image.exposed_ports.keys() {
        let port = if port.contains('/') {
            port.clone()
        } else {
            format!("{port}/tcp")
        };
        config.exposed_ports.entry(port).or_insert(Nothing);
    }
    if !image.volumes.is_empty() {
        let volumes = config.volumes.get_or_insert_with(NameSet::new);
        volumes.extend(image.volumes.keys().map(|path| (path.clone(), Nothing)));
    }
    config.volumes = config.volumes.take().filter(|volumes| !volumes.is_empty());
    if !image.env.is_empty() {
        config.env = Some(merged_env(
            &image.env,
            config.env.take().unwrap_or_default(),
        ));
    }
    let mut labels: BTreeMap<String, String> = image.labels.clone();
    labels.extend(config.labels.take().unwrap_or_default());
    config.labels = Some(labels);
}

/// The image's variables behind the request's, those that the request names left out: the order
/// that Docker's inspect shows.
fn merged_env(image: &[String], request: Vec<String>) -> Vec<String> {
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    let given: Vec<String> = request.iter().map(|e| name(e)).collect();
    let mut merged = request;
    merged.extend(image.iter().filter(|e| !given.contains(&name(e))).cloned());
    merged
}

fn from_daemon(request: &mut ContainerCreateRequest, settings: &Settings) {
    let live = settings.live();
    let host = &mut request.host_config;
    if matches!(host.network_mode.as_str(), "" | "default") {
        "bridge".clone_into(&mut host.network_mode);
    }
    if host.ipc_mode.is_empty() {
        host.ipc_mode.clone_from(&live.ipc_mode);
    }
    let limits = &mut host.resources;
    if limits.memory > 0 && limits.memory_swap == 0 {
        limits.memory_swap = limits.memory.saturating_mul(2);
    }
    if host.shm_size == 0 {
        host.shm_size = live.shm_size;
    }
    if host.runtime.is_empty() {
        host.runtime.clone_from(&live.default_runtime);
    }
    if !settings.cgroup_v2 {
        host.resources.oom_kill_disable.get_or_insert(false);
    }
    // Docker's words for "no limit" and "the default" in an inspect.
    host.resources.pids_limit = host.resources.pids_limit.filter(|limit| *limit != 0);
    host.resources.memory_swappiness = host.resources.memory_swappiness.filter(|s| *s != -1);
    if !host.privileged {
        host.masked_paths
            .get_or_insert_with(crate::spec::default_masked);
        host.readonly_paths
            .get_or_insert_with(crate::spec::default_readonly);
    }
    if host.restart_policy.name.is_empty() {
        "no".clone_into(&mut host.restart_policy.name);
    }
    if host.log_config.kind.is_empty() {
        host.log_config.kind.clone_from(&settings.log_driver);
    }
    // The daemon's options are for its driver, and for containers that name the same.
    if host.log_config.kind == settings.log_driver {
        let options = host.log_config.config.get_or_insert_with(BTreeMap::new);
        for (key, value) in &settings.log_options {
            options.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    if settings.init && host.init.is_none() {
        host.init = Some(true);
    }
    if host.cgroupns_mode.is_empty() {
        // Docker's default: private on v2, the host's on v1 and for privileged containers.
        let private = settings.cgroup_v2 && !host.privileged;
        match live.cgroupns_mode.as_str() {
            "" if private => "private",
            "" => "host",
            given => given,
        }
        .clone_into(&mut host.cgroupns_mode);
    }
}

/// SELinux does not keep a container from the host whose namespaces it has; the host's policy for
/// one that joins another container's is the other's.
pub(crate) fn labels_off(host: &mut HostConfig) {
    let options = host.security_opt.iter().flatten();
    let named = |option: &String| option.split(['=', ':']).next() == Some("label");
    let open = host.privileged || host.pid_mode == "host" || host.ipc_mode == "host";
    if open && !options.into_iter().any(named) {
        let options = host.security_opt.get_or_insert_with(Vec::new);
        options.push("label=disable".to_owned());
    }
}

/// The host name: as asked, the host's own with its UTS namespace or network, else the ID's start.
pub(crate) fn hostname(request: &mut ContainerCreateRequest, id: &str) {
    if !request.config.hostname.is_empty() {
        return;
    }
    let host = &request.host_config;
    request.config.hostname = if host.network_mode == "host" || host.uts_mode == "host" {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    } else {
        id[..12].to_owned()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn an_entrypoint_of_the_request_drops_the_images_command() {
        let image = ContainerDefaults {
            cmd: Some(words(&["serve"])),
            ..Default::default()
        };
        let mut request = ContainerCreateRequest::default();
        request.config.entrypoint = Some(Words(words(&["/bin/sh"])));
        command(&mut request, &image).unwrap();
        assert_eq!(request.config.cmd, None);

        let mut request = ContainerCreateRequest::default();
        command(&mut request, &image).unwrap();
        assert_eq!(request.config.cmd, Some(Words(words(&["serve"]))));
    }

    #[test]
    fn nothing_to_run_is_refused() {
        let refused = command(
            &mut ContainerCreateRequest::default(),
            &ContainerDefaults::default(),
        );
        assert_eq!(refused.unwrap_err().to_string(), "no command specified");
    }

    #[test]
    fn the_requests_variables_win() {
        let env = merged_env(&words(&["PATH=/bin", "A=1"]), words(&["A=2", "B"]));
        assert_eq!(env, words(&["A=2", "B", "PATH=/bin"]));
    }
}
