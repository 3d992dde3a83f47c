//! Packages of programming languages, as they lie in a root: Python's by their metadata, Node's by their `package.json`.
//!
//! Reference: <https://packaging.python.org/en/latest/specifications/recording-installed-packages/>,
//! <https://docs.npmjs.com/cli/configuring-npm/package-json>.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Dir, FileType, Mode, OFlags};

use super::packages::{Package, read};
use crate::Error;

/// Directories that are nested deeper have nothing to do with packages.
const DEPTH: usize = 64;
/// What is no part of an image, or has no packages in it.
const SKIPPED: [&str; 5] = ["proc", "sys", "dev", "boot", "run"];

/// All packages below a root.
pub(super) fn of(root: BorrowedFd<'_>) -> Result<Vec<Package>, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(root, c".", flags, Mode::empty())
        .map_err(Error::file("open", "the root"))?;
    let mut found = Vec::new();
    walk(root, &folder, "", 0, &mut found)?;
    Ok(found)
}

/// Goes through a directory; what cannot be opened is left out, as are links.
fn walk(
    root: BorrowedFd<'_>,
    folder: &OwnedFd,
    path: &str,
    depth: usize,
    found: &mut Vec<Package>,
) -> Result<(), Error> {
    let entries = Dir::read_from(folder).map_err(Error::file("read", path))?;
    for entry in entries {
        let entry = entry.map_err(Error::file("read", path))?;
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        let skipped = depth == 0 && SKIPPED.contains(&name);
        if skipped || depth > DEPTH || matches!(name, "." | "..") {
            continue;
        }
        let below = format!("{path}/{name}");
        if name == "package.json" && is_node_package(path) {
            found.extend(node(root, &below)?);
        }
        if name.ends_with(".egg-info") && entry.file_type() == FileType::RegularFile {
            found.extend(python(root, &below)?);
        }
        if !matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
            continue;
        }
        for (end, file) in [(".dist-info", "METADATA"), (".egg-info", "PKG-INFO")] {
            if name.ends_with(end) {
                found.extend(python(root, &format!("{below}/{file}"))?);
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(folder, entry.file_name(), flags, Mode::empty());
        if let Ok(inner) = opened {
            walk(root, &inner, &below, depth + 1, found)?;
        }
    }
    Ok(())
}

/// Whether a directory is one that npm puts packages into, with or without a scope.
fn is_node_package(path: &str) -> bool {
    let mut parts = path.rsplit('/').skip(1);
    match parts.next() {
        Some("node_modules") => true,
        Some(scope) if scope.starts_with('@') => parts.next() == Some("node_modules"),
        _ => false,
    }
}

fn node(root: BorrowedFd<'_>, path: &str) -> Result<Option<Package>, Error> {
    let text = read(root, path.trim_start_matches('/'))?.unwrap_or_default();
    let known: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let field = |name: &str| known[name].as_str().map(str::to_owned);
    Ok(field("name")
        .zip(field("version"))
        .map(|(name, version)| Package {
            name,
            version,
            license: field("license").unwrap_or_default(),
            kind: "npm",
            database: path.to_owned(),
            ..Package::default()
        }))
}

/// Fields as in a mail's head.
fn python(root: BorrowedFd<'_>, path: &str) -> Result<Option<Package>, Error> {
    let text = read(root, path.trim_start_matches('/'))?.unwrap_or_default();
    let head = text.lines().take_while(|line| !line.is_empty());
    let fields: Vec<(&str, &str)> = head.filter_map(|line| line.split_once(": ")).collect();
    let field = |name: &str| {
        let mut all = fields.iter();
        all.find_map(|(key, value)| (*key == name).then(|| value.trim().to_owned()))
    };
    let license = field("License-Expression").or_else(|| field("License"));
    Ok(field("Name")
        .zip(field("Version"))
        .map(|(name, version)| Package {
            // All spellings of a name are one (PEP 503).
            name: name.to_lowercase().replace(['_', '.'], "-"),
            version,
            license: license.unwrap_or_default(),
            kind: "pypi",
            database: path.to_owned(),
            ..Package::default()
        }))
}

#[cfg(test)]
mod tests {
    use super::super::packages::Distribution;
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn packages_are_found_where_their_tools_put_them() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let python = "Metadata-Version: 2.1\nName: Typing_Extensions\nVersion: 4.1\nLicense: PSF\n\nName: not this\n";
        write("usr/lib/python3/site-packages/x.dist-info/METADATA", python);
        write(
            "app/node_modules/left/package.json",
            r#"{"name":"left","version":"1.0.0","license":"MIT"}"#,
        );
        write(
            "app/node_modules/@me/own/package.json",
            r#"{"name":"@me/own","version":"2.0.0"}"#,
        );
        // A program's own file and one without a version are no packages.
        write("app/package.json", r#"{"name":"app","version":"9.0.0"}"#);
        write(
            "app/node_modules/left/lib/package.json",
            r#"{"name":"inner","version":"3"}"#,
        );
        write("app/node_modules/bad/package.json", "{");
        std::os::unix::fs::symlink("node_modules", root.path().join("app/again")).unwrap();
        let folder = std::fs::File::open(root.path()).unwrap();
        let mut found = of(folder.as_fd()).unwrap();
        found.sort();
        let urls: Vec<String> = found
            .iter()
            .map(|p| p.url(&Distribution::default()))
            .collect();
        assert_eq!(
            urls,
            [
                "pkg:npm/%40me/own@2.0.0",
                "pkg:npm/left@1.0.0",
                "pkg:pypi/typing-extensions@4.1"
            ]
        );
        assert_eq!(found[1].license, "MIT");
    }
}
