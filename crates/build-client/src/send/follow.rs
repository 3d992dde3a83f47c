//! Following symbolic links within a folder.
//!
//! `COPY a` of a link needs the link and what it leads to. The engine does not know that before it
//! has seen the folder, so it asks for paths to be followed.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Component, Path, PathBuf};

/// How many links one path may lead over, as the kernel has it.
const MOST_LINKS: usize = 255;

/// The paths, the links on the way and where they lead; `None` if that is the whole folder.
pub(super) fn follow(folder: &Path, paths: &[String]) -> Option<Vec<String>> {
    let mut found = BTreeSet::new();
    for path in paths {
        resolve(folder, path, &mut found);
    }
    if found.iter().any(String::is_empty) {
        return None;
    }
    // What lies below another is included with it.
    let mut kept: Vec<String> = Vec::new();
    for path in found {
        let covered = kept.iter().any(|k| {
            path.strip_prefix(k.as_str())
                .is_some_and(|r| r.starts_with('/'))
        });
        if !covered {
            kept.push(path);
        }
    }
    Some(kept)
}

fn resolve(folder: &Path, path: &str, found: &mut BTreeSet<String>) {
    let mut open: VecDeque<(Vec<String>, VecDeque<String>)> = VecDeque::new();
    open.push_back((Vec::new(), components(Path::new(path))));
    let mut links = 0;
    while let Some((mut done, mut rest)) = open.pop_front() {
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                done.pop();
                continue;
            }
            if name.contains(['*', '?', '[']) {
                for (name, target) in links_like(folder, &done, &name) {
                    found.insert(joined(&done, &name));
                    links += 1;
                    if links <= MOST_LINKS {
                        open.push_back(aimed(&done, &target, &rest));
                    }
                }
                done.push(name);
                continue;
            }
            let target = std::fs::read_link(folder.join(joined(&done, &name)));
            match target {
                Ok(target) if links < MOST_LINKS => {
                    links += 1;
                    found.insert(joined(&done, &name));
                    (done, rest) = aimed(&done, &target, &rest);
                }
                _ => done.push(name),
            }
        }
        found.insert(done.join("/"));
    }
}

/// Where a link in that folder leads, with what is left of the path after it.
fn aimed(
    folder: &[String],
    target: &Path,
    rest: &VecDeque<String>,
) -> (Vec<String>, VecDeque<String>) {
    let mut way = components(target);
    way.extend(rest.iter().cloned());
    // The folder is the root of all paths in it.
    let from = if target.is_absolute() { &[] } else { folder };
    (from.to_vec(), way)
}

/// The links in a folder of which the names match.
fn links_like(folder: &Path, inner: &[String], pattern: &str) -> Vec<(String, PathBuf)> {
    let Ok(matcher) = gantry_dockerfile::Ignore::new([pattern]) else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(folder.join(inner.join("/"))) else {
        return Vec::new();
    };
    let mut links: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            if !matcher.matches(&name) {
                return None;
            }
            Some((name, std::fs::read_link(entry.path()).ok()?))
        })
        .collect();
    links.sort();
    links
}

fn components(path: &Path) -> VecDeque<String> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            Component::ParentDir => Some("..".to_owned()),
            _ => None,
        })
        .collect()
}

fn joined(folder: &[String], name: &str) -> String {
    if folder.is_empty() {
        return name.to_owned();
    }
    format!("{}/{name}", folder.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_within_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::create_dir(at.join("dir")).unwrap();
        std::fs::write(at.join("dir/file"), "x").unwrap();
        std::os::unix::fs::symlink("dir", at.join("short")).unwrap();
        std::os::unix::fs::symlink("/short/file", at.join("absolute")).unwrap();
        std::os::unix::fs::symlink("../../../outside", at.join("dir/up")).unwrap();
        std::os::unix::fs::symlink("round", at.join("round")).unwrap();
        let of = |paths: &[&str]| {
            let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
            follow(at, &paths)
        };
        assert_eq!(
            of(&["absolute"]).unwrap(),
            ["absolute", "dir/file", "short"]
        );
        assert_eq!(of(&["short/up"]).unwrap(), ["dir/up", "outside", "short"]);
        assert_eq!(
            of(&["abs*"]).unwrap(),
            ["abs*", "absolute", "dir/file", "short"]
        );
        assert_eq!(of(&["/"]), None);
        assert_eq!(of(&["dir", "dir/file"]).unwrap(), ["dir"]);
        assert_eq!(of(&["round"]).unwrap(), ["round"]);
    }
}
