//! Which processes are in a group.

use rustix::io::Errno;

use crate::files::Dir;
use crate::{Error, Pid, Result, make};

/// The processes of a group and of all groups below it; none if it is gone.
pub(crate) fn in_tree(dir: &Dir) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    collect(dir, &mut found)?;
    Ok(found)
}

fn collect(dir: &Dir, found: &mut Vec<Pid>) -> Result<()> {
    let text = match dir.try_read("cgroup.procs") {
        Ok(text) => text,
        // Removed meanwhile; ENOTSUP is a threaded v2 group, whose domain lists its processes.
        Err(Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP) => return Ok(()),
        Err(errno) => {
            let path = dir.path().join("cgroup.procs");
            return Err(Error::Io {
                action: "read".to_owned(),
                path,
                errno,
            });
        }
    };
    // A process outside our PID namespace shows as 0.
    found.extend(
        text.lines()
            .filter_map(|line| Pid::from_raw(line.parse().ok()?)),
    );
    make::children(dir)
        .iter()
        .try_for_each(|child| collect(child, found))
}
