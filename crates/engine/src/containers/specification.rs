//! The runtime's configuration of a container, from what is known at its start.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use gantry_api_types::HostConfig;
use gantry_seccomp::KernelVersion;

use super::mounts::{Prepared, use_of};
use super::{Container, Containers, Record};
use crate::spec::{self, AppArmor, Joined, MountDetails, NetworkFiles, SpecInput};
use crate::{Error, apparmor, cdi};

impl Containers {
    /// Builds `config.json` for a container whose root is mounted.
    pub(super) fn specification(
        &self,
        container: &Container,
        root: BorrowedFd<'_>,
        prepared: &[Prepared],
    ) -> Result<gantry_oci::Spec, Error> {
        let cgroup_path = self.cgroup_path(container);
        let mut record = container.record().clone();
        self.daemon_security(&mut record.host_config);
        let details = mount_details(&record, prepared);
        let file = |name: &str| container.state_dir.join(name);
        let (hosts, hostname, resolv_conf) = (file("hosts"), file("hostname"), file("resolv.conf"));
        let mut spec = spec::build(&SpecInput {
            config: &record.config,
            host: &record.host_config,
            mounts: &record.mounts,
            details: &details,
            root,
            cgroup_path: &cgroup_path,
            files: NetworkFiles {
                hosts: &hosts,
                hostname: &hostname,
                resolv_conf: &resolv_conf,
            },
            joined: Joined {
                pid: self.joined_pid(&record.host_config.pid_mode, "PID")?,
                ipc: self.joined_ipc(&record.host_config.ipc_mode)?,
            },
            linked: &self.linked(&record)?.0,
            default_ulimits: &self.settings.ulimits,
            kernel: KernelVersion::running(),
            apparmor: AppArmor {
                enabled: apparmor::is_enabled(),
                default: apparmor::default_profile(),
            },
        })?;
        let requests = record.host_config.resources.device_requests.as_deref();
        let directories = &self.settings.cdi_spec_dirs;
        cdi::inject(requests.unwrap_or_default(), directories, &mut spec)?;
        if !record.secrets.is_empty() {
            let own_users = !matches!(record.host_config.userns_mode.as_str(), "" | "host");
            spec.mounts.push(crate::secrets::mount(own_users));
        }
        Ok(spec)
    }

    /// The daemon's own security options, where the container names none.
    fn daemon_security(&self, host: &mut HostConfig) {
        let settings = &self.settings;
        let options = host.security_opt.get_or_insert_with(Vec::new);
        let names = |key: &str| {
            options
                .iter()
                .any(|option| option.split(['=', ':']).next() == Some(key))
        };
        let mut more = Vec::new();
        if settings.no_new_privileges && !names("no-new-privileges") {
            more.push("no-new-privileges".to_owned());
        }
        if let Some(profile) = &settings.seccomp_profile
            && !names("seccomp")
            && !host.privileged
        {
            more.push(format!("seccomp={profile}"));
        }
        options.append(&mut more);
    }

    /// As [`Self::joined_pid`], of a container that shares its memory.
    fn joined_ipc(&self, mode: &str) -> Result<Option<u32>, Error> {
        let Some(name) = mode.strip_prefix("container:") else {
            return Ok(None);
        };
        let donor = self.registry.find(name)?;
        let shares = {
            let record = donor.record();
            let mode = record.host_config.ipc_mode.as_str();
            matches!(mode, "shareable" | "host") || mode.starts_with("container:")
        };
        if !shares {
            return Err(Error::Invalid(format!(
                "container {}: non-shareable IPC (hint: use IpcMode:shareable for the donor \
                 container)",
                donor.id
            )));
        }
        self.joined_pid(mode, "IPC")
    }

    /// The first process of `container:<id>`, whose namespace is to be joined.
    fn joined_pid(&self, mode: &str, what: &str) -> Result<Option<u32>, Error> {
        let Some(name) = mode.strip_prefix("container:") else {
            return Ok(None);
        };
        let other = self.registry.find(name)?;
        let (phase, pid) = {
            let record = other.record();
            (record.state.phase, record.state.pid)
        };
        if phase.is_live() {
            return Ok(Some(pid));
        }
        Err(Error::WrongPhase(format!(
            "cannot join {what} of a non running container: {name}"
        )))
    }
}

/// What is known of the mounts beyond what `inspect` shows.
fn mount_details(record: &Record, prepared: &[Prepared]) -> BTreeMap<String, MountDetails> {
    let details = record.mounts.iter().map(|mount| {
        let of_this = prepared
            .iter()
            .find(|p| p.destination == mount.destination)
            .and_then(|p| p.mappings.clone());
        let (users, groups) = of_this.map(|m| (m.users, m.groups)).unwrap_or_default();
        let details = MountDetails {
            bind: use_of(record, mount).bind.unwrap_or_default(),
            users,
            groups,
        };
        (mount.destination.clone(), details)
    });
    details.collect()
}
