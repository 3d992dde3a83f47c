//! Finding the cgroup mounts in `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::path::PathBuf;

use crate::Controller;
use crate::hierarchy::V1Mount;

/// The cgroup mounts of a mount namespace.
#[derive(Debug)]
pub(crate) struct Mounts {
    pub(crate) v1: Vec<V1Mount>,
    pub(crate) v2: Option<PathBuf>,
}

/// Picks one mount of every hierarchy: the first that shows the whole of it, else the first.
pub(crate) fn parse(mountinfo: &str) -> Mounts {
    let mut lines: Vec<Line> = mountinfo.lines().filter_map(Line::parse).collect();
    // Bind mounts of a part come after the whole; the sort keeps the order otherwise.
    lines.sort_by_key(|line| !line.whole);
    let mut mounts = Mounts {
        v1: Vec::new(),
        v2: None,
    };
    let mut named: Vec<&str> = Vec::new();
    for line in &lines {
        if line.v2 {
            mounts.v2.get_or_insert_with(|| line.dir.clone());
            continue;
        }
        let controllers: Vec<_> = line
            .options
            .split(',')
            .filter_map(Controller::from_name)
            .collect();
        let name = line
            .options
            .split(',')
            .find_map(|o| o.strip_prefix("name="));
        match name {
            _ if controllers.iter().any(|c| known(&mounts, *c)) => {}
            Some(name) if controllers.is_empty() && !named.contains(&name) => {
                named.push(name);
                mounts.v1.push(V1Mount {
                    dir: line.dir.clone(),
                    controllers,
                });
            }
            _ if controllers.is_empty() => {}
            _ => mounts.v1.push(V1Mount {
                dir: line.dir.clone(),
                controllers,
            }),
        }
    }
    mounts
}

fn known(mounts: &Mounts, controller: Controller) -> bool {
    mounts
        .v1
        .iter()
        .any(|mount| mount.controllers.contains(&controller))
}

/// One mount of a cgroup file system.
struct Line<'a> {
    whole: bool,
    v2: bool,
    dir: PathBuf,
    options: &'a str,
}

impl<'a> Line<'a> {
    /// `36 35 98:0 ROOT DIR OPTIONS [TAGS] - TYPE SOURCE SUPER_OPTIONS`
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let v2 = match after.next()? {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        let options = after.nth(1)?;
        let mut before = before.split(' ').skip(3);
        let whole = before.next()? == "/";
        Some(Self {
            whole,
            v2,
            dir: unescape(before.next()?).into(),
            options,
        })
    }
}

/// Undoes the kernel's `\040` for space, tab, newline and backslash.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
23 1 8:1 / / rw - ext4 /dev/sda1 rw
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup systemd rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
50 23 0:32 /docker/x /mnt/part rw - cgroup cgroup rw,memory
51 23 0:37 / /mnt/again rw - cgroup cgroup rw,name=systemd
";

    #[test]
    fn hybrid_hierarchies_are_found_once_each() {
        let mounts = parse(HYBRID);
        let dirs: Vec<_> = mounts.v1.iter().map(|m| m.dir.to_str().unwrap()).collect();
        assert_eq!(
            dirs,
            [
                "/sys/fs/cgroup/cpu,cpuacct",
                "/sys/fs/cgroup/memory",
                "/sys/fs/cgroup/systemd"
            ]
        );
        assert_eq!(
            mounts.v1[0].controllers,
            [Controller::Cpu, Controller::Cpuacct]
        );
        assert!(mounts.v1[2].controllers.is_empty());
        assert_eq!(mounts.v2.unwrap().to_str(), Some("/sys/fs/cgroup/unified"));
    }

    #[test]
    fn the_whole_tree_is_preferred_to_a_part() {
        let text = "\
50 23 0:32 /docker/x /mnt/part rw - cgroup cgroup rw,memory
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
";
        assert_eq!(
            parse(text).v1[0].dir.to_str(),
            Some("/sys/fs/cgroup/memory")
        );
        let part = parse(text.lines().next().unwrap());
        assert_eq!(part.v1[0].dir.to_str(), Some("/mnt/part"));
    }

    #[test]
    fn escaped_paths_are_read() {
        let text = "1 2 0:3 / /a\\040b rw - cgroup2 none rw";
        assert_eq!(parse(text).v2.unwrap().to_str(), Some("/a b"));
    }
}
