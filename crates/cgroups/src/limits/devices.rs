//! Device access: v1's lists, v2's BPF program.
//!
//! Specification: `cgroup-v1/devices.rst`; `cgroup-v2.rst`, section Device controller.

use gantry_oci::DeviceRule;
use gantry_sys::bpf;
use rustix::io::Errno;

use crate::files::Dir;
use crate::group::{Home, V2Group};
use crate::{Cgroup, Controller, Error, Layout, Result, Warning, device_program};

const LIMIT: &str = "device access rules";

pub(super) fn apply(
    group: &Cgroup,
    rules: &[DeviceRule],
    warnings: &mut Vec<Warning>,
) -> Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    match (group.home(Controller::Devices), &group.v2) {
        (Some(Home::V1(dir)), _) => v1(dir, rules, warnings),
        (_, Some(v2)) if group.layout() == Layout::V2 => attach(group.path(), v2, rules, warnings),
        _ => {
            let controller = Controller::Devices;
            warnings.push(Warning::NoController {
                controller,
                limit: LIMIT,
            });
            Ok(())
        }
    }
}

fn v1(dir: &Dir, rules: &[DeviceRule], warnings: &mut Vec<Warning>) -> Result<()> {
    let rules = device_program::effective(rules);
    // A new group has its parent's list; what no rule names is denied.
    let begins_with_all = rules.first().is_some_and(device_program::is_everything);
    if !begins_with_all {
        write_v1(dir, "devices.deny", "a", warnings)?;
    }
    for rule in rules {
        let file = if rule.allow {
            "devices.allow"
        } else {
            "devices.deny"
        };
        write_v1(dir, file, &v1_line(rule), warnings)?;
    }
    Ok(())
}

fn write_v1(dir: &Dir, file: &str, line: &str, warnings: &mut Vec<Warning>) -> Result<()> {
    match dir.try_write(file, line) {
        Ok(()) => Ok(()),
        // Inside a container the parent may allow less than we do: then less it is.
        Err(Errno::PERM) => {
            let warning = Warning::NotSupported {
                limit: LIMIT,
                file: file.to_owned(),
            };
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
            Ok(())
        }
        Err(errno) => Err(dir.write_error(file, line, errno)),
    }
}

fn v1_line(rule: &DeviceRule) -> String {
    if device_program::is_everything(rule) {
        return "a".to_owned();
    }
    let number = |n: Option<i64>| match n {
        Some(n) if n >= 0 => n.to_string(),
        _ => "*".to_owned(),
    };
    let kind = rule.kind.as_deref().unwrap_or("a");
    let access = rule.access.as_deref().unwrap_or("rwm");
    format!(
        "{kind} {}:{} {access}",
        number(rule.major),
        number(rule.minor)
    )
}

/// Puts our program in the place of those that the group has; the new one comes first, so that
/// at no moment more is allowed than either says.
fn attach(
    path: &str,
    group: &V2Group,
    rules: &[DeviceRule],
    warnings: &mut Vec<Warning>,
) -> Result<()> {
    let program = device_program::build(rules)?;
    let failed = |errno| Error::DeviceProgram {
        path: path.to_owned(),
        errno,
    };
    let old = bpf::cgroup_device_programs(&group.fd).unwrap_or_default();
    match bpf::load_cgroup_device(&program)
        .and_then(|loaded| bpf::attach_cgroup_device(&group.fd, &loaded))
    {
        Ok(()) => {}
        // Root of a user namespace only, where mknod(2) gives no devices anyway.
        Err(Errno::PERM | Errno::ACCESS) if in_user_namespace() => {
            let file = "bpf(2)".to_owned();
            warnings.push(Warning::NotSupported { limit: LIMIT, file });
            return Ok(());
        }
        Err(errno) => return Err(failed(errno)),
    }
    for id in old {
        bpf::detach_cgroup_device(&group.fd, id).map_err(failed)?;
    }
    Ok(())
}

fn in_user_namespace() -> bool {
    let map = Dir::new("/proc/self")
        .try_read("uid_map")
        .unwrap_or_default();
    map.split_whitespace().ne(["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_lines() {
        let rule = |kind: &str, major, minor, access: &str| DeviceRule {
            allow: true,
            kind: Some(kind.to_owned()),
            major,
            minor,
            access: Some(access.to_owned()),
        };
        assert_eq!(v1_line(&rule("c", Some(1), Some(3), "rwm")), "c 1:3 rwm");
        assert_eq!(v1_line(&rule("b", None, None, "m")), "b *:* m");
        assert_eq!(v1_line(&rule("c", Some(136), Some(-1), "rw")), "c 136:* rw");
        assert_eq!(v1_line(&DeviceRule::default()), "a");
        assert_eq!(v1_line(&rule("a", None, None, "rwm")), "a");
    }
}
