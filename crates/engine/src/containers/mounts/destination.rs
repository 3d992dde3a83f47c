//! Where in the container something is mounted.

use std::path::{Component, Path, PathBuf};

/// The place in the container: absolute, without `.` and `..`, and not the root itself.
pub(super) fn destination(text: &str) -> Result<String, String> {
    let mut clean = PathBuf::from("/");
    for part in Path::new(text).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    if text.starts_with('/') && clean == Path::new("/") {
        return Err("invalid specification: destination can't be '/'".to_owned());
    }
    if !text.starts_with('/') {
        return Err(format!(
            "invalid mount path: '{text}' mount path must be absolute"
        ));
    }
    Ok(clean.display().to_string())
}

/// Whether a path stays where it begins, by its words alone: relative, and never above its start.
pub(super) fn is_local(path: &str) -> bool {
    let mut depth = 0i32;
    for part in Path::new(path).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
        if depth < 0 {
            return false;
        }
    }
    !path.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_absolute_and_clean() {
        assert_eq!(destination("/a/../b//c/.").unwrap(), "/b/c");
        assert_eq!(destination("/../../etc").unwrap(), "/etc");
        for bad in ["", "a/b", "/", "/..", "../x"] {
            assert!(destination(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_local_path_never_leaves() {
        for good in ["a", "a/b", "a/../b", "./a", "a/.."] {
            assert!(is_local(good), "{good}");
        }
        for bad in ["", "/a", "..", "a/../../b", "../a"] {
            assert!(!is_local(bad), "{bad}");
        }
    }
}
