//! A container's OCI configuration, made from Docker's.
//!
//! [`build`] puts together what the request, the image and the daemon decided
//! ([`gantry_api_types::ContainerConfig`] and `HostConfig`, already merged) and what was found out
//! for this start ([`SpecInput`]); each part is a file: the process (`environment`, `user`,
//! `capabilities`), the file system (`mounts`, `tmpfs`, `devices`), the limits (`resources`,
//! `rlimits`), the walls (`namespaces`, `security`). [`exec_process`] derives the process of an
//! exec from the container's own.
//!
//! The only things read are the container's `/etc/passwd` and `/etc/group` and the host's device
//! nodes. Nothing here knows the other modules of the engine. The meaning is Docker 28's; the
//! format is runtime-spec 1.2.

mod capabilities;
mod check;
mod devices;
mod environment;
mod error;
mod exec;
mod machine;
mod mounts;
mod namespaces;
mod resources;
mod rlimits;
mod security;
mod tmpfs;
mod user;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::path::Path;

use gantry_api_types::{ContainerConfig, HostConfig, MountPoint, Ulimit};
use gantry_oci::{ConsoleSize, Linux, Process, RUNTIME_SPEC_VERSION, Root, Spec};
use gantry_seccomp::KernelVersion;

pub(crate) use check::check;
pub(crate) use error::SpecError;
pub(crate) use exec::exec_process;
pub use machine::has_realtime_groups;
pub(crate) use mounts::MountDetails;
pub(crate) use resources::limits;
pub(crate) use security::{default_masked, default_readonly};
pub(crate) use user::user_of;

use security::Security;
use user::Account;

/// All that a configuration is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpecInput<'a> {
    /// What runs, merged with the image's defaults.
    pub config: &'a ContainerConfig,
    /// How it sits on the host.
    pub host: &'a HostConfig,
    /// Binds and volumes with their sources on the host.
    pub mounts: &'a [MountPoint],
    /// What is known of them beyond that, by destination.
    pub details: &'a BTreeMap<String, MountDetails>,
    /// The container's root, for its users and groups.
    pub root: BorrowedFd<'a>,
    /// The group below each cgroup mount: `/gantry/<id>`.
    pub cgroup_path: &'a str,
    /// Files that are bound over the image's.
    pub files: NetworkFiles<'a>,
    /// Processes of the containers whose namespaces are joined (`container:<id>`).
    pub joined: Joined,
    /// Variables that tell of linked containers.
    pub linked: &'a [String],
    /// Limits of the daemon for containers that set none.
    pub default_ulimits: &'a [Ulimit],
    /// The kernel that runs.
    pub kernel: KernelVersion,
    /// AppArmor on this host.
    pub apparmor: AppArmor,
}

/// Files that are bound over the image's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetworkFiles<'a> {
    /// Over `/etc/hosts`.
    pub hosts: &'a Path,
    /// Over `/etc/hostname`.
    pub hostname: &'a Path,
    /// Over `/etc/resolv.conf`.
    pub resolv_conf: &'a Path,
}

/// AppArmor on this host.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AppArmor {
    /// Whether it confines programs.
    pub enabled: bool,
    /// The profile of containers that name none, if it is loaded.
    pub default: Option<&'static str>,
}

/// First processes, on the host, of the containers whose namespaces are joined.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Joined {
    /// For `--pid container:<id>`.
    pub pid: Option<u32>,
    /// For `--ipc container:<id>`.
    pub ipc: Option<u32>,
}

/// Makes the configuration.
pub(crate) fn build(input: &SpecInput<'_>) -> Result<Spec, SpecError> {
    let security = Security::parse(input.host, input.apparmor)?;
    let process = process(input, &security)?;
    let capabilities = process.capabilities.clone().unwrap_or_default().bounding;
    let devices = devices::plan(input.host)?;
    let mut resources = limits(&input.host.resources)?;
    resources.devices = devices.rules;
    let has_uts = input.host.uts_mode != "host";
    let named = |name: &String| Some(name.clone()).filter(|name| has_uts && !name.is_empty());
    Ok(Spec {
        oci_version: RUNTIME_SPEC_VERSION.to_owned(),
        process: Some(process),
        root: Some(Root {
            path: "rootfs".to_owned(),
            readonly: input.host.readonly_rootfs,
        }),
        hostname: named(&input.config.hostname),
        domainname: named(&input.config.domainname),
        mounts: mounts::list(input)?,
        hooks: None,
        annotations: input.host.annotations.clone(),
        linux: Some(Linux {
            namespaces: namespaces::list(input)?,
            devices: devices.nodes,
            cgroups_path: Some(input.cgroup_path.to_owned()),
            resources: Some(resources),
            seccomp: security.seccomp(&capabilities, input.kernel)?,
            sysctl: namespaces::sysctls(input.host),
            rootfs_propagation: mounts::root_propagation(input.mounts),
            masked_paths: security.masked_paths(input.host),
            readonly_paths: security.readonly_paths(input.host),
            ..Linux::default()
        }),
    })
}

fn process(input: &SpecInput<'_>, security: &Security) -> Result<Process, SpecError> {
    let (config, host) = (input.config, input.host);
    let groups = host.group_add.as_deref().unwrap_or_default();
    let account = Account::find(input.root, &config.user, groups)?;
    let size = Some(host.console_size).filter(|size| config.tty && *size != [0, 0]);
    Ok(Process {
        terminal: config.tty,
        console_size: size.map(|[height, width]| ConsoleSize { height, width }),
        env: environment::of_container(config, input.linked, &account.home),
        user: account.user,
        args: arguments(config)?,
        cwd: working_directory(&config.working_dir)?,
        capabilities: Some(capabilities::sets(host)?),
        rlimits: rlimits::merged(host, input.default_ulimits)?,
        no_new_privileges: security.no_new_privileges,
        apparmor_profile: security.apparmor_profile.clone(),
        // Written even if it is 0: the daemon's own score may be far below.
        oom_score_adj: Some(oom_score(host.oom_score_adj)?),
        ..Process::default()
    })
}

/// The entrypoint and its arguments; a single empty word is "no entrypoint".
fn arguments(config: &ContainerConfig) -> Result<Vec<String>, SpecError> {
    let words = |words: &Option<gantry_api_types::json::Words>| {
        words
            .as_ref()
            .map(|words| words.0.clone())
            .unwrap_or_default()
    };
    let mut entrypoint = words(&config.entrypoint);
    if entrypoint == [""] {
        entrypoint.clear();
    }
    let arguments = [entrypoint, words(&config.cmd)].concat();
    if arguments.is_empty() {
        return Err(SpecError::NoCommand);
    }
    Ok(arguments)
}

fn working_directory(path: &str) -> Result<String, SpecError> {
    match path {
        "" => Ok("/".to_owned()),
        path if path.starts_with('/') => Ok(path.to_owned()),
        path => Err(SpecError::WorkingDirectory(path.to_owned())),
    }
}

fn oom_score(score: i64) -> Result<i32, SpecError> {
    i32::try_from(score)
        .ok()
        .filter(|score| (-1000..=1000).contains(score))
        .ok_or(SpecError::OomScore(score))
}

#[cfg(test)]
mod tests;
