//! What may be mounted over or into the container's /proc.

use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// Single files that lxcfs and the like make true for the container.
const ALLOWED: [&str; 11] = [
    "cpuinfo",
    "diskstats",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
    "loadavg",
    "slabinfo",
    "net/dev",
    "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
];

/// Refuses to put anything where the kernel's /proc is expected (CVE-2019-16884): programs, and
/// runtimes that enter, would read and write what an attacker put there. `tree` is the bind's
/// source.
pub(super) fn check(destination: &str, tree: Option<&OwnedFd>) -> Result<()> {
    let path = clean(destination);
    let Ok(inside) = path.strip_prefix("/proc") else {
        return Ok(());
    };
    let refused = |why: &str| {
        Err(Error::Invalid(format!(
            "{destination:?} cannot be mounted because it is {why}"
        )))
    };
    if inside.as_os_str().is_empty() {
        return match tree {
            Some(tree) if is_proc(tree) => Ok(()),
            _ => refused("not of type proc"),
        };
    }
    if tree.is_some() && ALLOWED.iter().any(|file| inside == Path::new(file)) {
        return Ok(());
    }
    refused("inside /proc")
}

fn clean(path: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    clean
}

fn is_proc(tree: &OwnedFd) -> bool {
    const PROC_SUPER_MAGIC: u64 = 0x9fa0;
    rustix::fs::fstatfs(tree).is_ok_and(|fs| fs.f_type as u64 == PROC_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_few_files_may_be_covered() {
        let file = OwnedFd::from(std::fs::File::open("/").unwrap());
        for fine in ["/procs", "/x/proc/self", "/proc/uptime", "/proc//net/dev"] {
            check(fine, Some(&file)).unwrap();
        }
        for bad in [
            "/proc",
            "/proc/",
            "/x/../proc/self/attr",
            "/proc/sys/kernel",
        ] {
            check(bad, Some(&file)).unwrap_err();
        }
        check("/proc/uptime", None).unwrap_err();
        let proc = OwnedFd::from(std::fs::File::open("/proc").unwrap());
        check("/proc", Some(&proc)).unwrap();
    }
}
