//! /sys/fs/cgroup in the container, for v2 and for the several hierarchies of v1.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags};

use super::{c_string, mounts};
use crate::error::errno_text;
use crate::{Error, Result};

/// What a mount of type `cgroup` becomes.
#[derive(Debug)]
pub(crate) enum CgroupMount {
    /// The v2 tree as the container's cgroup namespace shows it; without one, the host's.
    V2 {
        /// Whether the container has a cgroup namespace.
        namespace: bool,
    },
    /// A tmpfs with a directory for each hierarchy.
    V1 {
        hierarchies: Vec<V1Hierarchy>,
        /// `cpu` -> `cpu,cpuacct`.
        links: Vec<(CString, CString)>,
    },
}

/// One directory of a v1 machine's /sys/fs/cgroup.
#[derive(Debug)]
pub(crate) struct V1Hierarchy {
    pub(crate) name: CString,
    pub(crate) source: V1Source,
}

/// Where a hierarchy comes from.
#[derive(Debug)]
pub(crate) enum V1Source {
    /// Without a cgroup namespace: the container's own group.
    Bind(OwnedFd),
    /// With one: a mount that shows the namespace's root.
    Mount {
        kind: &'static std::ffi::CStr,
        parameters: Vec<(CString, Option<CString>)>,
    },
}

impl CgroupMount {
    /// Looks at what the machine mounts. `namespace` is whether the container has a cgroup
    /// namespace of its own, `group` the container's path in every hierarchy.
    pub(super) fn new(namespace: bool, group: &str) -> Result<Self> {
        let v2 = rustix::fs::statfs("/sys/fs/cgroup")
            .is_ok_and(|fs| fs.f_type == libc::CGROUP2_SUPER_MAGIC);
        if v2 {
            return Ok(Self::V2 { namespace });
        }
        let table = std::fs::read_to_string("/proc/self/mountinfo").map_err(|e| Error::Step {
            step: "read /proc/self/mountinfo".into(),
            why: e.to_string(),
        })?;
        let mut hierarchies = Vec::new();
        let mut links = Vec::new();
        for found in table.lines().filter_map(Found::parse) {
            let source = if namespace {
                V1Source::Mount {
                    kind: found.kind,
                    parameters: found.parameters()?,
                }
            } else {
                let Some(tree) = found.group(group)? else {
                    continue;
                };
                V1Source::Bind(tree)
            };
            let name = c_string(found.name)?;
            if found.name.contains(',') {
                for alias in found.name.split(',') {
                    links.push((c_string(alias)?, name.clone()));
                }
            }
            hierarchies.push(V1Hierarchy { name, source });
        }
        Ok(Self::V1 { hierarchies, links })
    }
}

/// A cgroup mount of the host.
struct Found<'a> {
    mountpoint: &'a str,
    name: &'a str,
    kind: &'static std::ffi::CStr,
    options: &'a str,
}

impl<'a> Found<'a> {
    /// Reads a line of mountinfo (proc_pid_mountinfo(5)).
    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mountpoint = left.split(' ').nth(4)?;
        let mut right = right.split(' ');
        let kind = match right.next()? {
            "cgroup" => c"cgroup",
            "cgroup2" => c"cgroup2",
            _ => return None,
        };
        Some(Self {
            mountpoint,
            name: mountpoint.strip_prefix("/sys/fs/cgroup/")?,
            kind,
            options: right.nth(1)?,
        })
    }

    /// The parameters that mount the same hierarchy again: its controllers or its name.
    fn parameters(&self) -> Result<Vec<(CString, Option<CString>)>> {
        let mut parameters = Vec::new();
        if self.kind == c"cgroup2" {
            return Ok(parameters);
        }
        for option in self.options.split(',') {
            match option.split_once('=') {
                Some(("name", name)) => {
                    parameters.push((c"none".to_owned(), None));
                    parameters.push((c"name".to_owned(), Some(c_string(name)?)));
                }
                None if self.name.split(',').any(|part| part == option) => {
                    parameters.push((c_string(option)?, None));
                }
                _ => {}
            }
        }
        Ok(parameters)
    }

    /// A detached mount of the container's group, if this hierarchy has one.
    fn group(&self, group: &str) -> Result<Option<OwnedFd>> {
        let path = format!("{}{group}", self.mountpoint);
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        if rustix::fs::openat(CWD, path.as_str(), flags, Mode::empty()).is_err() {
            return Ok(None);
        }
        let tree = mounts::open_tree(&path, false).map_err(|errno| Error::Step {
            step: format!("open cgroup {path}"),
            why: errno_text(errno),
        })?;
        Ok(Some(tree))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_with_their_controllers() {
        let line = "34 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup \
                    rw,cpu,cpuacct";
        let found = Found::parse(line).unwrap();
        assert_eq!((found.name, found.kind), ("cpu,cpuacct", c"cgroup"));
        let keys: Vec<_> = found.parameters().unwrap();
        assert_eq!(
            keys,
            [(c"cpu".to_owned(), None), (c"cpuacct".to_owned(), None)]
        );
    }

    #[test]
    fn named_hierarchies_have_no_controller() {
        let line = "27 25 0:23 / /sys/fs/cgroup/systemd rw - cgroup systemd \
                    rw,xattr,release_agent=/x,name=systemd";
        let parameters = Found::parse(line).unwrap().parameters().unwrap();
        let name = (c"name".to_owned(), Some(c"systemd".to_owned()));
        assert_eq!(parameters, [(c"none".to_owned(), None), name]);
        assert!(Found::parse("22 1 0:5 / /proc rw - proc proc rw").is_none());
    }
}
