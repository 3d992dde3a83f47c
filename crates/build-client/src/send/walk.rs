//! The entries of a folder in the order in which they are sent.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bollard_buildkit_proto::fsutil::types::Stat;

use super::entry::stat;
use super::filter::{Above, Filter};
use crate::error::Error;

/// An entry that is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its description.
    pub stat: Stat,
    /// Whether its contents can be asked for.
    pub has_data: bool,
}

/// Shows every entry that the filter lets through, folders before what is in them. `show` says
/// whether to go on.
pub fn walk(
    folder: &Path,
    filter: &Filter,
    show: &mut dyn FnMut(Entry) -> bool,
) -> Result<(), Error> {
    let mut walk = Walk {
        filter,
        show,
        waiting: Vec::new(),
        seen: HashMap::new(),
        stopped: false,
    };
    walk.folder(folder, "", &Above::default())
}

struct Walk<'a> {
    filter: &'a Filter,
    show: &'a mut dyn FnMut(Entry) -> bool,
    /// Folders above that are not wanted for themselves, sent once something in them is.
    waiting: Vec<Entry>,
    /// The first name of files that have several, by device and inode.
    seen: HashMap<(u64, u64), String>,
    stopped: bool,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, inner: &str, above: &Above) -> Result<(), Error> {
        let mut names = Vec::new();
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            // It went away while we were walking.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !inner.is_empty() => {
                return Ok(());
            }
            Err(source) => return Err(Error::file(path, source)),
        };
        for entry in entries {
            names.push(
                entry
                    .map_err(|source| Error::file(path, source))?
                    .file_name(),
            );
        }
        names.sort_unstable();
        for name in names {
            let path = path.join(&name);
            let Some(name) = name.to_str() else {
                return Err(Error::Name { path });
            };
            let inner = if inner.is_empty() {
                name.to_owned()
            } else {
                format!("{inner}/{name}")
            };
            self.entry(path, &inner, above)?;
            if self.stopped {
                return Ok(());
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, inner: &str, above: &Above) -> Result<(), Error> {
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(Error::file(path, source)),
        };
        // A socket is of no use to anybody who is not here.
        if metadata.file_type().is_socket() {
            return Ok(());
        }
        let verdict = self.filter.judge(inner, metadata.is_dir(), above);
        if !verdict.send && !verdict.enter {
            return Ok(());
        }
        let entry = self.described(&path, inner, &metadata)?;
        let depth = self.waiting.len();
        if verdict.send {
            self.flush();
            self.send(entry);
        } else {
            self.waiting.push(entry);
        }
        if verdict.enter && !self.stopped {
            self.folder(&path, inner, &verdict.above)?;
        }
        self.waiting.truncate(depth);
        Ok(())
    }

    fn described(&mut self, path: &Path, inner: &str, metadata: &Metadata) -> Result<Entry, Error> {
        let mut stat = stat(path, inner, metadata).map_err(|source| Error::file(path, source))?;
        let mut has_data = metadata.is_file();
        if has_data && metadata.nlink() > 1 {
            let key = (metadata.dev(), metadata.ino());
            if let Some(first) = self.seen.get(&key) {
                stat.linkname.clone_from(first);
                stat.size = 0;
                has_data = false;
            } else {
                self.seen.insert(key, inner.to_owned());
            }
        }
        Ok(Entry { stat, has_data })
    }

    fn flush(&mut self) {
        for entry in std::mem::take(&mut self.waiting) {
            self.send(entry);
        }
    }

    fn send(&mut self, entry: Entry) {
        self.stopped = self.stopped || !(self.show)(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn sent(folder: &Path, include: &[&str], exclude: &[&str], follow: &[&str]) -> Vec<String> {
        let own = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let filter = Filter::new(folder, &own(include), &own(exclude), &own(follow)).unwrap();
        let mut paths = Vec::new();
        walk(folder, &filter, &mut |entry| {
            paths.push(entry.stat.path);
            true
        })
        .unwrap();
        paths
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::create_dir_all(at.join("src/deep")).unwrap();
        fs::create_dir_all(at.join("empty")).unwrap();
        for file in ["a", "a-b", "b.md", "src/k.md", "src/main", "src/deep/x"] {
            fs::write(at.join(file), file).unwrap();
        }
        folder
    }

    #[test]
    fn everything_is_sent_in_the_order_of_names_folders_first() {
        let folder = folder();
        let paths = sent(folder.path(), &[], &[], &[]);
        let all = [
            "a",
            "a-b",
            "b.md",
            "empty",
            "src",
            "src/deep",
            "src/deep/x",
            "src/k.md",
            "src/main",
        ];
        assert_eq!(paths, all);
    }

    #[test]
    fn folders_of_which_only_a_part_is_wanted_come_before_that_part() {
        let folder = folder();
        let at = folder.path();
        assert_eq!(
            sent(at, &["src/deep"], &[], &[]),
            ["src", "src/deep", "src/deep/x"]
        );
        assert_eq!(sent(at, &["nothing"], &[], &[]), [""; 0]);
        assert_eq!(
            sent(at, &["**/x"], &[], &[]),
            ["src", "src/deep", "src/deep/x"]
        );
        assert_eq!(sent(at, &[], &[], &["src/main"]), ["src", "src/main"]);
    }

    #[test]
    fn what_is_ignored_stays_out_unless_it_is_brought_back() {
        let folder = folder();
        let at = folder.path();
        assert_eq!(
            sent(at, &[], &["**/*.md", "!src/k.md", "src/deep", "empty"], &[]),
            ["a", "a-b", "src", "src/k.md", "src/main"]
        );
        assert_eq!(sent(at, &[], &["*", "!src/main"], &[]), ["src", "src/main"]);
    }

    #[test]
    fn links_of_both_kinds_are_sent_as_such_and_sockets_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::write(at.join("one"), "12345").unwrap();
        fs::hard_link(at.join("one"), at.join("two")).unwrap();
        std::os::unix::fs::symlink("one", at.join("soft")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at.join("socket")).unwrap();
        let mut entries = Vec::new();
        walk(at, &Filter::default(), &mut |entry| {
            entries.push((entry.stat.path, entry.stat.linkname, entry.has_data));
            true
        })
        .unwrap();
        let entry = |path: &str, link: &str, data| (path.to_owned(), link.to_owned(), data);
        assert_eq!(
            entries,
            [
                entry("one", "", true),
                entry("soft", "one", false),
                entry("two", "one", false)
            ]
        );
    }
}
