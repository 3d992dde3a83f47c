//! Security options, the system-call filter, hidden and read-only paths.

use std::path::Path;

use gantry_api_types::HostConfig;
use gantry_oci::Seccomp;
use gantry_seccomp::{KernelVersion, Profile, default_profile};

use super::{AppArmor, SpecError};

/// Paths that tell or change too much about the host; hidden unless a container is privileged.
const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Paths that may be read but not written.
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Is there where the kernel has SELinux on.
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// What `--security-opt` and `--privileged` say.
#[derive(Debug)]
pub(super) struct Security {
    pub(super) no_new_privileges: bool,
    pub(super) apparmor_profile: Option<String>,
    filter: Filter,
    /// `systempaths=unconfined` or privileged.
    open_paths: bool,
}

/// Which system-call filter.
#[derive(Debug)]
enum Filter {
    None,
    Default,
    Custom(Profile),
}

impl Security {
    pub(super) fn parse(host: &HostConfig, apparmor: AppArmor) -> Result<Self, SpecError> {
        Self::parse_on(host, apparmor, Path::new(SELINUX).exists())
    }

    /// The same for a kernel with or without SELinux.
    fn parse_on(host: &HostConfig, apparmor: AppArmor, selinux: bool) -> Result<Self, SpecError> {
        let default = apparmor.default.filter(|_| !host.privileged);
        let mut security = Self {
            no_new_privileges: false,
            apparmor_profile: default.map(str::to_owned),
            filter: Filter::Default,
            open_paths: false,
        };
        for option in host.security_opt.iter().flatten() {
            security.add(option, apparmor, selinux)?;
        }
        if host.privileged {
            security.open_paths = true;
            // An explicit profile holds for a privileged container too.
            if matches!(security.filter, Filter::Default) {
                security.filter = Filter::None;
            }
        }
        Ok(security)
    }

    fn add(&mut self, option: &str, apparmor: AppArmor, selinux: bool) -> Result<(), SpecError> {
        let invalid = |stage| SpecError::SecurityOption {
            stage,
            option: option.to_owned(),
        };
        if option == "no-new-privileges" {
            self.no_new_privileges = true;
            return Ok(());
        }
        // Before labels had a key; SELinux is off for everybody.
        if option == "disable" {
            return Ok(());
        }
        // Docker's old separator is the colon.
        let separated = option.split_once('=').or_else(|| option.split_once(':'));
        let (key, value) = separated.ok_or_else(|| invalid(1))?;
        match key {
            "no-new-privileges" => {
                self.no_new_privileges = boolean(value).ok_or_else(|| invalid(2))?;
            }
            "seccomp" => self.filter = filter(value)?,
            "apparmor" => self.apparmor_profile = profile(value, apparmor)?,
            // As with Docker, a label means nothing where no SELinux would look at it.
            "label" if value == "disable" || !selinux => {}
            "label" => return Err(SpecError::NoSelinux(value.to_owned())),
            "systempaths" if value == "unconfined" => self.open_paths = true,
            _ => return Err(invalid(2)),
        }
        Ok(())
    }

    /// The filter for a container with these capabilities; `None` lets everything pass.
    pub(super) fn seccomp(
        &self,
        capabilities: &[String],
        kernel: KernelVersion,
    ) -> Result<Option<Seccomp>, SpecError> {
        Ok(match &self.filter {
            Filter::None => None,
            Filter::Default => Some(default_profile(capabilities, kernel)),
            Filter::Custom(profile) => {
                Some(profile.resolve(capabilities, kernel)?).filter(|filter| !filter.is_empty())
            }
        })
    }

    /// Paths hidden from the container.
    pub(super) fn masked_paths(&self, host: &HostConfig) -> Vec<String> {
        if self.open_paths {
            return Vec::new();
        }
        host.masked_paths.clone().unwrap_or_else(default_masked)
    }

    /// Paths that the container may only read.
    pub(super) fn readonly_paths(&self, host: &HostConfig) -> Vec<String> {
        if self.open_paths {
            return Vec::new();
        }
        host.readonly_paths.clone().unwrap_or_else(default_readonly)
    }
}

/// The constant list, and the processors' temperature events, by which programs could watch what
/// their neighbours compute, on machines that tell them.
pub(crate) fn default_masked() -> Vec<String> {
    let mut paths = MASKED.map(str::to_owned).to_vec();
    let thermal = |cpu: usize| format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle");
    paths.extend(
        (0..)
            .map(thermal)
            .take_while(|path| Path::new(path).exists()),
    );
    paths
}

/// Paths that a container may only read, unless it says otherwise.
pub(crate) fn default_readonly() -> Vec<String> {
    READ_ONLY.map(str::to_owned).to_vec()
}

fn filter(value: &str) -> Result<Filter, SpecError> {
    Ok(match value {
        "unconfined" => Filter::None,
        "builtin" => Filter::Default,
        json => Filter::Custom(Profile::parse(json)?),
    })
}

/// Where AppArmor is off, only the names that mean "none" or "the usual" can be meant; the usual is
/// our own profile.
fn profile(name: &str, apparmor: AppArmor) -> Result<Option<String>, SpecError> {
    match name {
        "unconfined" => Ok(apparmor.enabled.then(|| name.to_owned())),
        "docker-default" => Ok(apparmor.default.map(str::to_owned)),
        name if apparmor.enabled => Ok(Some(name.to_owned())),
        name => Err(SpecError::NoAppArmor(name.to_owned())),
    }
}

/// As Go's ParseBool.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: KernelVersion = KernelVersion { major: 6, minor: 1 };

    fn parse(options: &[&str]) -> Result<Security, SpecError> {
        let options = options.iter().map(|&o| o.to_owned()).collect();
        let host = HostConfig {
            security_opt: Some(options),
            ..HostConfig::default()
        };
        Security::parse(&host, AppArmor::default())
    }

    fn seccomp(security: &Security) -> Option<Seccomp> {
        security.seccomp(&[], KERNEL).unwrap()
    }

    #[test]
    fn filters() {
        assert!(seccomp(&parse(&[]).unwrap()).unwrap().syscalls.len() > 5);
        assert!(seccomp(&parse(&["seccomp=unconfined"]).unwrap()).is_none());
        assert!(seccomp(&parse(&["seccomp:unconfined"]).unwrap()).is_none());
        let json = r#"seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"name":"sync","action":"SCMP_ACT_ERRNO"}]}"#;
        let filter = seccomp(&parse(&[json]).unwrap()).unwrap();
        assert_eq!(filter.syscalls[0].names, ["sync"]);
        assert!(
            parse(&["seccomp={"])
                .unwrap_err()
                .to_string()
                .contains("decoding seccomp")
        );
        let mut host = HostConfig {
            privileged: true,
            ..HostConfig::default()
        };
        assert!(seccomp(&Security::parse(&host, AppArmor::default()).unwrap()).is_none());
        host.security_opt = Some(vec![json.to_owned()]);
        assert!(seccomp(&Security::parse(&host, AppArmor::default()).unwrap()).is_some());
    }

    #[test]
    fn switches() {
        assert!(parse(&["no-new-privileges"]).unwrap().no_new_privileges);
        assert!(
            parse(&["no-new-privileges=true"])
                .unwrap()
                .no_new_privileges
        );
        assert!(
            !parse(&["no-new-privileges:false"])
                .unwrap()
                .no_new_privileges
        );
        for fine in [
            "label=disable",
            "apparmor=unconfined",
            "apparmor=docker-default",
        ] {
            assert!(parse(&[fine]).unwrap().apparmor_profile.is_none(), "{fine}");
        }
        let error = |option| parse(&[option]).unwrap_err().to_string();
        assert_eq!(error("seccomp"), "invalid --security-opt 1: \"seccomp\"");
        assert_eq!(error("x=y"), "invalid --security-opt 2: \"x=y\"");
        assert!(error("apparmor=mine").contains("AppArmor is not enabled"));
        for option in ["label=user:me", "label:type:t", "label=disable"] {
            let host = HostConfig {
                security_opt: Some(vec![option.to_owned()]),
                ..HostConfig::default()
            };
            let parsed = |selinux| Security::parse_on(&host, AppArmor::default(), selinux);
            assert!(parsed(false).is_ok(), "{option}");
            match parsed(true) {
                Ok(_) => assert_eq!(option, "label=disable"),
                Err(refused) => assert!(refused.to_string().contains("SELinux"), "{refused}"),
            }
        }
    }

    #[test]
    fn paths() {
        let host = HostConfig::default();
        let usual = parse(&[]).unwrap();
        assert!(
            usual
                .masked_paths(&host)
                .contains(&"/proc/kcore".to_owned())
        );
        assert_eq!(usual.readonly_paths(&host).len(), 5);
        let open = parse(&["systempaths=unconfined"]).unwrap();
        assert!(open.masked_paths(&host).is_empty() && open.readonly_paths(&host).is_empty());
        let own = HostConfig {
            masked_paths: Some(Vec::new()),
            ..HostConfig::default()
        };
        assert!(usual.masked_paths(&own).is_empty());
    }

    #[test]
    fn the_usual_profile_is_ours() {
        let on = AppArmor {
            enabled: true,
            default: Some("gantry-default"),
        };
        let profile = |options: &[&str], privileged| {
            let host = HostConfig {
                privileged,
                security_opt: Some(options.iter().map(|&o| o.to_owned()).collect()),
                ..HostConfig::default()
            };
            Security::parse(&host, on).unwrap().apparmor_profile
        };
        assert_eq!(profile(&[], false).as_deref(), Some("gantry-default"));
        assert_eq!(profile(&[], true), None);
        assert_eq!(
            profile(&["apparmor=docker-default"], false).as_deref(),
            Some("gantry-default")
        );
        assert_eq!(profile(&["apparmor=mine"], true).as_deref(), Some("mine"));
        let unconfined = profile(&["apparmor=unconfined"], false);
        assert_eq!(unconfined.as_deref(), Some("unconfined"));
    }
}
