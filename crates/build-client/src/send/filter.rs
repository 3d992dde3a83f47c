//! Which files of a folder are sent.

use std::path::{Path, PathBuf};

use gantry_dockerfile::{Ignore, Parent};

use super::follow;
use crate::error::Error;

/// A folder that the engine may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub folder: PathBuf,
}

/// Which files are wanted, in the words of the request.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only what matches one of these, if there are any.
    includes: Option<Includes>,
    /// Not what matches these.
    excludes: Ignore,
}

#[derive(Debug, Clone)]
struct Includes {
    matcher: Ignore,
    patterns: Vec<String>,
}

/// What came out for the folder above.
#[derive(Debug, Clone, Default)]
pub(super) struct Above {
    include: Parent,
    exclude: Parent,
}

/// What to do with an entry.
pub(super) struct Verdict {
    /// It is sent.
    pub(super) send: bool,
    /// If it is a folder: what is in it may be sent.
    pub(super) enter: bool,
    pub(super) above: Above,
}

impl Filter {
    /// From the patterns of a request; `follow` are paths of which links are followed within the
    /// folder, and added to what is included.
    pub fn new(
        folder: &Path,
        include: &[String],
        exclude: &[String],
        follow: &[String],
    ) -> Result<Self, Error> {
        let mut patterns: Vec<String> = include.to_vec();
        let mut all = include.is_empty();
        if !follow.is_empty() {
            match follow::follow(folder, follow) {
                Some(paths) => {
                    all = false;
                    patterns.extend(paths);
                }
                None => all = true,
            }
        }
        let includes = if all {
            None
        } else {
            for pattern in &mut patterns {
                *pattern = pattern.trim_matches('/').to_owned();
            }
            Some(Includes {
                matcher: matcher(&patterns)?,
                patterns,
            })
        };
        Ok(Self {
            includes,
            excludes: matcher(exclude)?,
        })
    }

    pub(super) fn judge(&self, path: &str, folder: bool, above: &Above) -> Verdict {
        let (included, include) = match &self.includes {
            None => (true, Parent::default()),
            Some(includes) => includes.matcher.matches_below(path, &above.include),
        };
        let (excluded, exclude) = if self.excludes.is_empty() {
            (false, Parent::default())
        } else {
            self.excludes.matches_below(path, &above.exclude)
        };
        let below = || {
            let wanted = self
                .includes
                .as_ref()
                .is_none_or(|includes| included || includes.reach_below(path));
            wanted && (!excluded || self.excludes.has_exclusions())
        };
        Verdict {
            send: included && !excluded,
            enter: folder && below(),
            above: Above { include, exclude },
        }
    }
}

impl Includes {
    /// Whether something below that folder could match.
    fn reach_below(&self, folder: &str) -> bool {
        self.patterns.iter().any(|pattern| {
            let mut parts = pattern.split('/');
            for name in folder.split('/') {
                match parts.next() {
                    None => return false,
                    Some(part) if part.contains(['*', '?', '[', '\\']) => return true,
                    Some(part) if part != name => return false,
                    Some(_) => {}
                }
            }
            parts.next().is_some()
        })
    }
}

fn matcher(patterns: &[String]) -> Result<Ignore, Error> {
    Ignore::new(patterns).map_err(|problem| Error::Pattern(problem.to_string()))
}
