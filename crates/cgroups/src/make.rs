//! Making and removing a group's directories.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Mode;
use rustix::io::Errno;

use crate::files::Dir;
use crate::hierarchy::{V1Mount, V2Mount, v2_controllers};
use crate::path::GroupPath;
use crate::{Controller, Error, Result};

/// The leaf directories made so far; removed when dropped, unless kept.
#[derive(Debug, Default)]
pub(crate) struct Made(Vec<PathBuf>);

impl Made {
    pub(crate) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for dir in &self.0 {
            let _ = rustix::fs::rmdir(dir);
        }
    }
}

/// Makes the group in a v1 hierarchy.
pub(crate) fn in_v1(mount: &V1Mount, path: &GroupPath<'_>, made: &mut Made) -> Result<()> {
    make_path(&mount.dir, path, made)?;
    if mount.controllers.contains(&Controller::Cpuset) {
        inherit_cpuset(&mount.dir, path)?;
    }
    Ok(())
}

/// Makes the group in the v2 tree, with `wanted` controllers as far as they can be had.
///
/// A controller that cannot be enabled, because the machine has it elsewhere or a parent has
/// processes of its own, is left out: whoever needs it finds it missing.
pub(crate) fn in_v2(
    mount: &V2Mount,
    path: &GroupPath<'_>,
    wanted: &[Controller],
    made: &mut Made,
) -> Result<()> {
    let leaf = make_path(&mount.dir, path, made)?;
    let have = v2_controllers(&Dir::new(&leaf));
    let mut missing: Vec<_> = wanted.to_vec();
    missing.retain(|c| mount.controllers.contains(c) && !have.contains(c));
    if missing.is_empty() {
        return Ok(());
    }
    let steps = path.steps(&mount.dir);
    let parents = steps.iter().take(steps.len() - 1).map(PathBuf::as_path);
    for parent in std::iter::once(mount.dir.as_path()).chain(parents) {
        enable(&Dir::new(parent), &missing);
    }
    Ok(())
}

/// Enables controllers for the groups below a v2 group.
fn enable(parent: &Dir, controllers: &[Controller]) {
    let enabled = parent
        .try_read("cgroup.subtree_control")
        .unwrap_or_default();
    let missing: Vec<_> = controllers
        .iter()
        .filter(|c| !enabled.split_whitespace().any(|name| name == c.name()))
        .map(|c| format!("+{c}"))
        .collect();
    if missing.is_empty()
        || parent
            .try_write("cgroup.subtree_control", &missing.join(" "))
            .is_ok()
    {
        return;
    }
    // One that cannot be enabled makes the kernel refuse the whole line.
    for one in missing {
        let _ = parent.try_write("cgroup.subtree_control", &one);
    }
}

/// Makes a directory and its parents; most often the parents are there.
fn make_path(mount: &Path, path: &GroupPath<'_>, made: &mut Made) -> Result<PathBuf> {
    let leaf = path.below(mount);
    let outcome = match make_dir(&leaf) {
        Err(Errno::NOENT) => path
            .steps(mount)
            .iter()
            .try_for_each(|dir| match make_dir(dir) {
                Ok(()) | Err(Errno::EXIST) => Ok(()),
                Err(errno) => Err(errno),
            }),
        other => other,
    };
    match outcome {
        Ok(()) => made.0.push(leaf.clone()),
        Err(Errno::EXIST) => {}
        Err(errno) => {
            return Err(Error::Io {
                action: "create cgroup".to_owned(),
                path: leaf,
                errno,
            });
        }
    }
    Ok(leaf)
}

fn make_dir(path: &Path) -> Result<(), Errno> {
    rustix::fs::mkdir(path, Mode::from_raw_mode(0o755))
}

/// Gives every group on the way its parent's processors and memory nodes where it has none.
///
/// v1 starts a group with empty sets, into which no process can be moved (cpuset(7)).
fn inherit_cpuset(mount: &Path, path: &GroupPath<'_>) -> Result<()> {
    let steps = path.steps(mount);
    let filled = |dir: &Path, file| {
        Dir::new(dir)
            .try_read(file)
            .is_ok_and(|text| !text.trim().is_empty())
    };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        // From the leaf upwards to the first group that has a set, then down again.
        let empty_from = steps
            .iter()
            .rposition(|dir| filled(dir, file))
            .map_or(0, |at| at + 1);
        let from = if empty_from == 0 {
            mount
        } else {
            &steps[empty_from - 1]
        };
        if empty_from == steps.len() {
            continue;
        }
        let value = Dir::new(from).read(file)?;
        for dir in &steps[empty_from..] {
            Dir::new(dir).write(file, value.trim())?;
        }
    }
    Ok(())
}

/// How long [`remove_tree`] waits for processes that were killed to be gone: 1+2+4+...+512 ms.
const REMOVE_TRIES: u32 = 11;

/// Removes a group and the groups below it. False: processes remain.
pub(crate) fn remove_tree(dir: &Dir) -> Result<bool> {
    for attempt in 0..REMOVE_TRIES {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(1 << (attempt - 1)));
        }
        match rustix::fs::rmdir(dir.path()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(true),
            Err(Errno::BUSY) => remove_children(dir),
            Err(errno) => {
                let path = dir.path().to_owned();
                return Err(Error::Io {
                    action: "remove cgroup".to_owned(),
                    path,
                    errno,
                });
            }
        }
    }
    Ok(matches!(
        rustix::fs::rmdir(dir.path()),
        Ok(()) | Err(Errno::NOENT)
    ))
}

/// Removes what a container with a writable cgroup left below its own, deepest first.
fn remove_children(dir: &Dir) {
    for child in children(dir) {
        remove_children(&child);
        let _ = rustix::fs::rmdir(child.path());
    }
}

/// The groups directly below.
pub(crate) fn children(dir: &Dir) -> Vec<Dir> {
    let Ok(entries) = std::fs::read_dir(dir.path()) else {
        return Vec::new();
    };
    let is_dir = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|t| t.is_dir());
    entries
        .flatten()
        .filter(is_dir)
        .map(|entry| Dir::new(entry.path()))
        .collect()
}
