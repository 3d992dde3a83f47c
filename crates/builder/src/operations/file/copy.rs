//! Copying, with what LLB's copies can say beyond COPY.

use std::os::fd::{AsFd as _, BorrowedFd};

use gantry_dockerfile::Ignore;
use gantry_reference::Digest;
use gantry_sys::in_root;
use rustix::fs::{FileType, OFlags};

use super::{FileChange, Ownership, Work};
use crate::Error;
use crate::copy::{Job, Origin};
use crate::files::{Selection, c_path, is_pattern, link, normal, resolve, select};
use crate::operations::remember;

/// What is copied, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyAction {
    /// What.
    pub source: String,
    /// Where to.
    pub destination: String,
    /// Whom the copies belong to, if not to whom the files do.
    pub owner: Ownership,
    /// Permissions: octal, or symbolic as in chmod(1).
    pub mode: Option<String>,
    /// Whether a source that is a link means what it leads to.
    pub follows_links: bool,
    /// Whether a directory means what is in it.
    pub contents: bool,
    /// Whether archives are unpacked.
    pub unpack: bool,
    /// Whether directories above the destination are made.
    pub makes_parents: bool,
    /// Whether the source is a pattern.
    pub pattern: bool,
    /// Whether a pattern may fit nothing.
    pub may_fit_nothing: bool,
    /// Patterns of what is wanted below the source; none means all.
    pub include: Vec<String>,
    /// Patterns of what is not.
    pub exclude: Vec<String>,
    /// What must be there below the source.
    pub required: Vec<String>,
}

impl Work<'_> {
    /// A copy of a link that is not followed makes a link.
    pub(super) fn as_link(
        &self,
        copy: &CopyAction,
        from: &Origin,
    ) -> Result<Option<FileChange>, Error> {
        if copy.follows_links || copy.pattern && is_pattern(&copy.source) {
            return Ok(None);
        }
        let source = normal(copy.source.as_bytes());
        let root = from.root();
        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        let path = c_path(&[b"/", source.as_slice()].concat())?;
        let Ok(found) = in_root::open(root, &path, flags) else {
            return Ok(None);
        };
        let stat = rustix::fs::fstat(&found).map_err(Error::file("look at", &copy.source))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Ok(None);
        }
        let target = link(root, &source)?;
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .map_err(|_| Error::Invalid(format!("{}: a name that is no UTF-8", copy.source)))
        };
        let mut at = copy.destination.clone();
        let place = resolve(Some(self.root()), at.as_bytes())?;
        if at.ends_with('/') || place.at == Some(FileType::Directory) {
            at = format!("{}/{}", at.trim_end_matches('/'), text(last(&source))?);
        }
        Ok(Some(FileChange::Link {
            target: text(target)?,
            path: at,
            owner: copy.owner.clone(),
            time: stat.st_mtime,
        }))
    }

    pub(super) fn copied(
        &self,
        copy: &CopyAction,
        from: Origin,
        anew: bool,
        name: &str,
    ) -> Result<(Option<Digest>, bool), Error> {
        let job = self.job(copy, from)?;
        let plan = job.plan()?;
        let key = plan.key()?;
        if !anew && let Some(hit) = self.builder.look_up(&key) {
            return Ok((Some(hit.layer), true));
        }
        let store = self.builder.engine.images.store();
        let image = store.make_written(self.nameless(), |out| plan.write(out))?;
        Ok((Some(remember(self.builder, &key, &image, name)?), false))
    }

    /// The copy in the words of COPY.
    fn job(&self, copy: &CopyAction, from: Origin) -> Result<Job, Error> {
        let below = self
            .root
            .try_clone()
            .map_err(Error::file("use", "the root"))?;
        let place = resolve(Some(self.root()), copy.destination.as_bytes())?;
        if !copy.makes_parents && !place.missing(false).is_empty() {
            return Err(Error::NotFound(format!(
                "{}: the directory above it is missing",
                copy.destination
            )));
        }
        let wild = copy.pattern && is_pattern(&copy.source);
        let root = from.root();
        let source = if wild {
            copy.source.clone()
        } else {
            literal(root, &copy.source)?
        };
        if wild && !copy.may_fit_nothing {
            fits_something(root, &copy.source)?;
        }
        for path in &copy.required {
            literal(root, &format!("{}/{path}", copy.source))?;
        }
        let mut job = Job::of_all(from, &source);
        job.destination.clone_from(&copy.destination);
        job.chown = self.owner;
        job.chmod.clone_from(&copy.mode);
        job.unpack = (copy.unpack, false);
        job.below = Some((self.layers.to_vec(), below));
        if !copy.include.is_empty() {
            job.exclude.push("**".to_owned());
            job.exclude
                .extend(copy.include.iter().map(|pattern| format!("!{pattern}")));
        }
        job.exclude.extend(copy.exclude.iter().cloned());
        if !copy.contents {
            keep_directories(&mut job, copy, wild, place.at)?;
        }
        Ok(job)
    }
}

/// A directory is copied as one: into a destination that is there, or under the destination's name.
fn keep_directories(
    job: &mut Job,
    copy: &CopyAction,
    wild: bool,
    at: Option<FileType>,
) -> Result<(), Error> {
    let source = normal(copy.source.as_bytes());
    let text = String::from_utf8_lossy(&source).into_owned();
    let (above, name) = text.rsplit_once('/').unwrap_or(("", &text));
    if wild && is_pattern(above) {
        return Err(Error::NotSupported(format!(
            "a pattern for the directories of {}, which are to be kept,",
            copy.source
        )));
    }
    let into = wild || copy.destination.ends_with('/') || at == Some(FileType::Directory);
    let directory = !wild
        && job
            .origin
            .as_ref()
            .is_some_and(|o| is_directory(o, &source));
    if name.is_empty() || !(wild || directory) {
        return Ok(());
    }
    if into {
        let name = if wild { name.to_owned() } else { escaped(name) };
        job.paths = vec![format!("{}/./{name}", escaped_path(above))];
        job.parents = true;
    } else {
        job.destination.push('/');
    }
    Ok(())
}

fn is_directory(origin: &Origin, path: &[u8]) -> bool {
    let Ok(path) = c_path(&[b"/", path].concat()) else {
        return false;
    };
    let found = in_root::open(origin.root(), &path, OFlags::PATH);
    let stat = found.and_then(|found| rustix::fs::fstat(found.as_fd()));
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// A path that must be there, so that it is no pattern.
fn literal(root: BorrowedFd<'_>, path: &str) -> Result<String, Error> {
    let normal = normal(path.as_bytes());
    let name = c_path(&[b"/", normal.as_slice()].concat())?;
    match in_root::open(root, &name, OFlags::PATH) {
        Ok(_) => {}
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {
            return Err(Error::SourceNotFound(format!(
                "/{}",
                String::from_utf8_lossy(&normal)
            )));
        }
        Err(error) => return Err(Error::file("open", path)(error)),
    }
    Ok(escaped_path(&String::from_utf8_lossy(&normal)))
}

fn escaped_path(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(escaped).collect();
    format!("/{}", parts.join("/"))
}

/// A name that as a pattern fits itself alone.
fn escaped(name: &str) -> String {
    if !is_pattern(name) {
        return name.to_owned();
    }
    let mut text = String::new();
    for c in name.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn fits_something(root: BorrowedFd<'_>, pattern: &str) -> Result<(), Error> {
    let nothing = Ignore::default();
    let selection = Selection {
        root,
        ignore: None,
        exclude: &nothing,
        parents: false,
    };
    if select(pattern, &selection)?.is_empty() {
        return Err(Error::SourceNotFound(pattern.to_owned()));
    }
    Ok(())
}

fn last(path: &[u8]) -> Vec<u8> {
    let name = path.rsplit(|b| *b == b'/').next();
    name.unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_pattern() {
        assert_eq!(escaped("a[1]*"), "a\\[1]\\*");
        assert_eq!(escaped_path("a/b?"), "/a/b\\?");
        assert_eq!(last(b"a/b"), b"b");
    }
}
