//! Where a copy goes: Docker's rules, which are those of `cp -a` with a few exceptions.
//!
//! A trailing `/.` on the source means its contents; a trailing slash on the destination insists on
//! a directory.

use crate::failure::Failure;

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The last part of its name; `.` for the contents of a directory.
    pub(crate) base: String,
    pub(crate) is_dir: bool,
}

/// What is at the place that it shall be copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) path: String,
    pub(crate) exists: bool,
    pub(crate) is_dir: bool,
}

/// The directory to unpack into, and the name that the source gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) directory: String,
    pub(crate) base: String,
}

/// Decides where a copy goes.
pub(crate) fn place(source: &Source, destination: &Destination) -> Result<Place, Failure> {
    let path = &destination.path;
    if destination.exists && destination.is_dir {
        return Ok(Place {
            directory: path.clone(),
            base: source.base.clone(),
        });
    }
    if destination.exists && source.is_dir {
        return Err(Failure::new("cannot copy directory"));
    }
    if asserts_directory(path) && (destination.exists || !source.is_dir) {
        return Err(Failure::new("no such directory"));
    }
    Ok(Place {
        directory: parent(path),
        base: base(path),
    })
}

/// Whether a path can only be meant for a directory.
pub(crate) fn asserts_directory(path: &str) -> bool {
    path.ends_with('/') || path == "." || path.ends_with("/.")
}

/// The last part of a path.
pub(crate) fn base(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        // The root's contents.
        None | Some("") => ".".to_owned(),
        Some(last) => last.to_owned(),
    }
}

/// The path without its last part.
pub(crate) fn parent(path: &str) -> String {
    let trimmed = path.trim_end_matches('/').trim_end_matches("/.");
    match trimmed.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((parent, _)) => parent.to_owned(),
        None => ".".to_owned(),
    }
}

/// Where a link at a path leads.
pub(crate) fn link_target(path: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    format!("{}/{target}", parent(path).trim_end_matches('/'))
}

/// An error of the file system in Go's words.
pub(crate) fn go_error(call: &str, path: &str, error: &std::io::Error) -> String {
    crate::create::open_error(path, error).replacen("open", call, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(
        base: &str,
        is_dir: bool,
        path: &str,
        found: Option<bool>,
    ) -> Result<(String, String), String> {
        let source = Source {
            base: base.to_owned(),
            is_dir,
        };
        let destination = Destination {
            path: path.to_owned(),
            exists: found.is_some(),
            is_dir: found == Some(true),
        };
        place(&source, &destination)
            .map(|place| (place.directory, place.base))
            .map_err(|failure| failure.message)
    }

    fn to(directory: &str, base: &str) -> (String, String) {
        (directory.to_owned(), base.to_owned())
    }

    #[test]
    fn a_file_goes_where_cp_puts_it() {
        assert_eq!(at("f", false, "/d", Some(true)), Ok(to("/d", "f")));
        assert_eq!(at("f", false, "/d/g", Some(false)), Ok(to("/d", "g")));
        assert_eq!(at("f", false, "/d/g", None), Ok(to("/d", "g")));
        assert_eq!(
            at("f", false, "/d/g/", None),
            Err("no such directory".to_owned())
        );
    }

    #[test]
    fn a_directory_goes_where_cp_puts_it() {
        assert_eq!(at("s", true, "/d", Some(true)), Ok(to("/d", "s")));
        assert_eq!(at(".", true, "/d", Some(true)), Ok(to("/d", ".")));
        assert_eq!(at("s", true, "/d/new", None), Ok(to("/d", "new")));
        assert_eq!(at(".", true, "/d/new/", None), Ok(to("/d", "new")));
        assert_eq!(
            at("s", true, "/d/file", Some(false)),
            Err("cannot copy directory".to_owned())
        );
    }

    #[test]
    fn paths_fall_apart_as_expected() {
        assert_eq!(
            (base("/a/b/"), base("/a/."), base("/"), base("x")),
            ("b".into(), ".".into(), ".".into(), "x".into())
        );
        assert_eq!(
            (parent("/a"), parent("a"), parent("/a/b/")),
            ("/".into(), ".".into(), "/a".into())
        );
        assert_eq!(link_target("/a/link", "b"), "/a/b");
        assert_eq!(link_target("/a/link", "/x"), "/x");
    }
}
