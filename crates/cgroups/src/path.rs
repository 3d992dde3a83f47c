//! The path of a group below a mount.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A path that stays below the mount.
#[derive(Debug)]
pub(crate) struct GroupPath<'a>(Vec<&'a str>);

impl<'a> GroupPath<'a> {
    pub(crate) fn parse(path: &'a str) -> Result<Self> {
        let invalid = || Error::InvalidPath(path.to_owned());
        let rest = path.strip_prefix('/').ok_or_else(invalid)?;
        let parts: Vec<_> = rest
            .split('/')
            .filter(|p| !p.is_empty() && *p != ".")
            .collect();
        if parts.is_empty() || parts.contains(&"..") || path.contains(['\0', '\n']) {
            return Err(invalid());
        }
        Ok(Self(parts))
    }

    /// The group's directory below a mount.
    pub(crate) fn below(&self, mount: &Path) -> PathBuf {
        self.0
            .iter()
            .fold(mount.to_owned(), |dir, part| dir.join(part))
    }

    /// The directories from the first below the mount to the group's own.
    pub(crate) fn steps(&self, mount: &Path) -> Vec<PathBuf> {
        let mut dir = mount.to_owned();
        let step = |part: &&str| {
            dir.push(part);
            dir.clone()
        };
        self.0.iter().map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_mount() {
        let path = GroupPath::parse("/gantry//x/./y/").unwrap();
        assert_eq!(path.below(Path::new("/m")), Path::new("/m/gantry/x/y"));
        let steps = path.steps(Path::new("/m"));
        assert_eq!(
            steps,
            ["/m/gantry", "/m/gantry/x", "/m/gantry/x/y"]
                .map(PathBuf::from)
                .to_vec()
        );
        for bad in ["", "/", "gantry/x", "/../x", "/gantry/../..", "/a\nb"] {
            assert!(GroupPath::parse(bad).is_err(), "{bad:?}");
        }
    }
}
