//! The AppArmor profile of containers that name none.
//!
//! Where the kernel confines programs by AppArmor, a profile like Docker's `docker-default` is
//! loaded through `apparmor_parser`, under a name of our own: Docker's may be there as well, and is
//! not ours to change. Without that program containers run unconfined by AppArmor, which is said
//! once.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The profile's name.
const NAME: &str = "gantry-default";
const ENABLED: &str = "/sys/module/apparmor/parameters/enabled";
const LOADED: &str = "/sys/kernel/security/apparmor/profiles";

/// What containers may not do even as root: touch the kernel's files, mount, or look into
/// processes that are not in such a container.
const PROFILE: &str = r"
profile gantry-default flags=(attach_disconnected,mediate_deleted) {
  file,
  network,
  capability,
  umount,
  unix,
  signal (receive) peer=unconfined,
  signal (send, receive) peer=gantry-default,
  ptrace (trace, read, tracedby, readby) peer=gantry-default,

  deny mount,

  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklx,
  deny /proc/{acpi,bus,driver,fs,irq,scsi,tty}/** wkl,
  deny /proc/sys/{abi,debug,dev,vm}/** wkl,
  deny /proc/sys/fs/{binfmt_misc,inotify,epoll,verity}/** wkl,
  deny /proc/sys/kernel/{core_pattern,hotplug,modprobe,poweroff_cmd,sysrq} wkl,
  deny /proc/sys/kernel/{firmware_config,keys,random,usermodehelper,yama}/** wkl,

  deny /sys/{block,bus,class,dev,devices,hypervisor,module,power}/** wkl,
  deny /sys/kernel/{debug,security,tracing}/** rwklx,
  deny /sys/{firmware,devices/virtual/powercap}/** rwklx,
}
";

/// Whether the kernel confines programs.
pub(crate) fn is_enabled() -> bool {
    std::fs::read(ENABLED).is_ok_and(|text| text.starts_with(b"Y"))
}

/// The profile's name, once it is loaded; nothing where there is no AppArmor or no way to load it.
pub(crate) fn default_profile() -> Option<&'static str> {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let loaded = *LOADED.get_or_init(|| is_enabled() && (is_loaded() || load()));
    loaded.then_some(NAME)
}

fn is_loaded() -> bool {
    std::fs::read_to_string(LOADED).is_ok_and(|text| lists(&text))
}

/// Lines are `name (enforce)`.
fn lists(profiles: &str) -> bool {
    let name = |line: &str| line.split(" (").next() == Some(NAME);
    profiles.lines().any(name)
}

fn load() -> bool {
    let done = run_parser();
    if let Err(why) = &done {
        tracing::warn!(
            "containers run without an AppArmor profile, since apparmor_parser did not load \
             {NAME}: {why}"
        );
    }
    done.is_ok()
}

fn run_parser() -> Result<(), String> {
    let mut parser = Command::new("apparmor_parser")
        .args(["-Kr", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    if let Some(mut stdin) = parser.stdin.take() {
        stdin
            .write_all(PROFILE.as_bytes())
            .map_err(|e| e.to_string())?;
    }
    let output = parser.wait_with_output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_has_the_name_that_is_applied() {
        assert!(PROFILE.contains(&format!("profile {NAME} ")));
        assert!(lists(
            "docker-default (enforce)\ngantry-default (enforce)\n"
        ));
        assert!(!lists("gantry-default-2 (enforce)\n"));
    }
}
