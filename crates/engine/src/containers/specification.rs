//! The runtime's configuration of a container, from what is known at its start.

use std::os::fd::BorrowedFd;
use std::path::Path;

use gantry_api_types::HostConfig;
use gantry_seccomp::KernelVersion;

use super::{Container, Containers};
use crate::Error;
use crate::spec::{self, Joined, NetworkFiles, SpecInput};

impl Containers {
    /// Builds `config.json` for a container whose root is mounted.
    pub(super) fn specification(
        &self,
        container: &Container,
        root: BorrowedFd<'_>,
    ) -> Result<gantry_oci::Spec, Error> {
        let cgroup_path = self.cgroup_path(container);
        let mut record = container.record().clone();
        self.daemon_security(&mut record.host_config);
        let file = |name: &str| container.state_dir.join(name);
        let (hosts, hostname, resolv_conf) = (file("hosts"), file("hostname"), file("resolv.conf"));
        let spec = spec::build(&SpecInput {
            config: &record.config,
            host: &record.host_config,
            mounts: &record.mounts,
            root,
            cgroup_path: &cgroup_path,
            files: NetworkFiles {
                hosts: &hosts,
                hostname: &hostname,
                resolv_conf: &resolv_conf,
            },
            joined: Joined {
                pid: self.joined_pid(&record.host_config.pid_mode)?,
            },
            default_ulimits: &self.settings.ulimits,
            kernel: KernelVersion::running(),
            apparmor: Path::new("/sys/module/apparmor/parameters/enabled").exists(),
        })?;
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

    /// The first process of `container:<id>`, whose namespace is to be joined.
    fn joined_pid(&self, mode: &str) -> Result<Option<u32>, Error> {
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
            "cannot join the namespace of container {}: it is not running",
            other.id
        )))
    }
}
