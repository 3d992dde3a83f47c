//! Leaving the cgroup of the shell or service that started us.
//!
//! A daemon that a command line started is a child of whatever called it: a login session, a
//! systemd service. When that ends, everything in its cgroup is killed. So it moves to the root of
//! each hierarchy that systemd or a session manager keeps such groups in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const MOUNT: &str = "/sys/fs/cgroup";

/// Moves this process out of a session's or service's group, where there is one and we may.
pub(crate) fn leave_the_callers() {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    for (mount, group) in groups(&text, Path::new(MOUNT)) {
        if !belongs_to_a_session(&group) {
            continue;
        }
        match leave(&mount) {
            Ok(()) => tracing::info!("left the cgroup {group} of who started us"),
            Err(e) => {
                tracing::warn!("cannot leave the cgroup {group}: the daemon ends with it: {e}");
            }
        }
    }
}

/// The hierarchies that this process is in: where they are mounted, and its group there.
fn groups(proc_self_cgroup: &str, mount: &Path) -> Vec<(PathBuf, String)> {
    proc_self_cgroup
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
            let at = match (number, controllers) {
                ("0", "") if mount.join("cgroup.controllers").exists() => mount.to_owned(),
                ("0", "") => mount.join("unified"),
                (_, named) if named.starts_with("name=") => mount.join(&named[5..]),
                (_, controllers) => mount.join(controllers),
            };
            at.is_dir().then(|| (at, group.to_owned()))
        })
        .collect()
}

/// What systemd kills as one: scopes and services.
fn belongs_to_a_session(group: &str) -> bool {
    group
        .split('/')
        .filter_map(|part| Path::new(part).extension())
        .any(|kind| kind == "scope" || kind == "service")
}

/// The root is the one group that may always have processes beside groups, also with cgroup v2.
fn leave(mount: &Path) -> io::Result<()> {
    fs::write(mount.join("cgroup.procs"), std::process::id().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_services_are_known() {
        assert!(belongs_to_a_session(
            "/user.slice/user-0.slice/session-3.scope"
        ));
        assert!(belongs_to_a_session("/system.slice/ci.service"));
        assert!(!belongs_to_a_session("/"));
        assert!(!belongs_to_a_session("/init"));
    }

    #[test]
    fn each_hierarchy_is_found_where_it_is_mounted() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["unified", "systemd", "cpu,cpuacct"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let text = "3:cpu,cpuacct:/a\n2:memory:/b\n1:name=systemd:/c.scope\n0::/d\n";
        let found = groups(text, dir.path());
        let expected = [
            ("cpu,cpuacct", "/a"),
            ("systemd", "/c.scope"),
            ("unified", "/d"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, group)| (dir.path().join(name), group.to_owned()))
        );
    }
}
