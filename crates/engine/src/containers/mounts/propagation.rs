//! Whether the host's mounts can spread as a bind mount wants them to.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// Refuses propagation from or to a mount of the host that is private.
pub(super) fn check(source: &str, propagation: &str) -> Result<(), Error> {
    let wants = match propagation {
        "shared" | "rshared" => "a shared mount",
        "slave" | "rslave" => "a shared or slave mount",
        _ => return Ok(()),
    };
    let path = fs::canonicalize(source).map_err(Error::file("find the bind source", source))?;
    let table = fs::read_to_string("/proc/thread-self/mountinfo")
        .map_err(Error::file("read", "/proc/thread-self/mountinfo"))?;
    let Some((at, tags)) = mount_of(&table, &path) else {
        return Ok(());
    };
    let has = |tag: &str| tags.iter().any(|t| t.starts_with(tag));
    if has("shared:") || (has("master:") && wants.contains("slave")) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "path {source} is mounted on {} but it is not {wants}",
        at.display()
    )))
}

/// The mount that a path is on: where it is, and its optional fields (proc_pid_mountinfo(5)).
fn mount_of<'a>(table: &'a str, path: &Path) -> Option<(PathBuf, Vec<&'a str>)> {
    table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(4);
            let at = PathBuf::from(unescape(fields.next()?));
            let tags = fields.skip(1).take_while(|f| *f != "-").collect();
            path.starts_with(&at).then_some((at, tags))
        })
        // Of several at one place the last one covers the others.
        .max_by_key(|(at, _)| at.components().count())
}

/// Undoes `\040` and its like.
fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:5 / /a\\040b rw,relatime - tmpfs tmpfs rw
31 21 0:6 / /slave rw,relatime master:3 propagate_from:2 - tmpfs tmpfs rw
";

    #[test]
    fn the_deepest_mount_counts() {
        let of = |path: &str| mount_of(TABLE, Path::new(path)).unwrap();
        assert_eq!(of("/usr/lib"), (PathBuf::from("/"), vec!["shared:1"]));
        assert_eq!(of("/a b/c"), (PathBuf::from("/a b"), vec![]));
        assert_eq!(of("/slave").1, ["master:3", "propagate_from:2"]);
        assert_eq!(of("/slaver").0, Path::new("/"));
    }
}
