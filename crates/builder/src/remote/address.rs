//! The address of a git repository, with what of it is wanted.

use std::path::Path;

use crate::Error;

/// `https://host/path.git#REF:SUBDIR`, or with `?ref=...&subdir=...`; also `git@host:path`, `ssh://`, `git://`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GitAddress {
    /// What git is given.
    pub repository: String,
    /// A branch, a tag or a commit; the repository's default branch if there is none.
    pub reference: Option<String>,
    /// The directory of the repository that is wanted.
    pub folder: Option<String>,
    /// The commit that the reference must lead to, or how it begins.
    pub commit: Option<String>,
    /// Whether `.git` is wanted, if the address says so.
    pub keep_git: Option<bool>,
    /// Whether submodules are wanted, too.
    pub submodules: bool,
}

impl GitAddress {
    /// Reads an address; `None` if it means no git repository.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, Error>> {
        let (before, fragment) = match text.split_once('#') {
            Some((before, fragment)) => (before, Some(fragment)),
            None => (text, None),
        };
        let (place, query) = match before.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (before, None),
        };
        is_repository(place).then(|| Self::read(place, query, fragment))
    }

    fn read(place: &str, query: Option<&str>, fragment: Option<&str>) -> Result<Self, Error> {
        let mut address = Self {
            // As Docker takes it.
            repository: if place.starts_with("github.com/") {
                format!("https://{place}")
            } else {
                place.to_owned()
            },
            submodules: true,
            ..Self::default()
        };
        if let Some(fragment) = fragment {
            let (reference, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
            address.reference = given(reference);
            address.folder = given(folder);
        }
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            address.option(pair)?;
        }
        let wrong = address
            .reference
            .as_deref()
            .is_some_and(|r| r.starts_with('-'));
        if wrong || address.repository.starts_with('-') {
            return Err(Error::Invalid(format!("invalid git address {place:?}")));
        }
        Ok(address)
    }

    fn option(&mut self, pair: &str) -> Result<(), Error> {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        let truth = || match value.as_str() {
            "" | "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            other => Err(Error::Invalid(format!("invalid {key} value: {other:?}"))),
        };
        let into = match key {
            "ref" | "branch" | "tag" => &mut self.reference,
            "subdir" => &mut self.folder,
            "checksum" | "commit" => &mut self.commit,
            "keep-git-dir" => {
                self.keep_git = Some(truth()?);
                return Ok(());
            }
            "submodules" => {
                self.submodules = truth()?;
                return Ok(());
            }
            other => {
                return Err(Error::Invalid(format!(
                    "unexpected query {other:?} in a git address"
                )));
            }
        };
        if into.is_some() {
            return Err(Error::Invalid(format!(
                "{key} conflicts with what the git address says before"
            )));
        }
        let full = match key {
            "branch" => format!("refs/heads/{value}"),
            "tag" => format!("refs/tags/{value}"),
            _ => value,
        };
        *into = given(&full);
        Ok(())
    }

    /// The host that it is fetched from.
    pub(crate) fn host(&self) -> &str {
        let rest = self.repository.split_once("://");
        let rest = rest.map_or(self.repository.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', ':']).next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default()
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn is_repository(place: &str) -> bool {
    let http = place.starts_with("http://") || place.starts_with("https://");
    let named = Path::new(place.trim_end_matches('/')).extension() == Some("git".as_ref());
    let schemes = ["git://", "ssh://", "git+ssh://", "github.com/"];
    (http && named) || schemes.iter().any(|scheme| place.starts_with(scheme)) || is_scp(place)
}

/// `user@host:path`
fn is_scp(place: &str) -> bool {
    let Some((user, rest)) = place.split_once('@') else {
        return false;
    };
    let word = |text: &str| {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        !text.is_empty() && text.chars().all(fine)
    };
    let Some((host, path)) = rest.split_once(':') else {
        return false;
    };
    word(user) && word(host) && !path.is_empty() && !path.starts_with("//")
}

/// `%2F` and the like.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_buildkit_reads_them() {
        let read = |text: &str| {
            let address = GitAddress::parse(text).expect(text).expect(text);
            let or = |text: Option<String>| text.unwrap_or_default();
            let parts = (
                or(address.reference),
                or(address.folder),
                or(address.commit),
            );
            (address.repository, parts.0, parts.1, parts.2)
        };
        for (text, repository, reference, folder, commit) in [
            ("https://h/a.git", "https://h/a.git", "", "", ""),
            (
                "https://h/a.git#v1:sub/x",
                "https://h/a.git",
                "v1",
                "sub/x",
                "",
            ),
            ("https://h/a.git#:sub", "https://h/a.git", "", "sub", ""),
            (
                "git@h.com:me/a.git#dev",
                "git@h.com:me/a.git",
                "dev",
                "",
                "",
            ),
            ("ssh://git@h/a", "ssh://git@h/a", "", "", ""),
            ("github.com/me/a#b", "https://github.com/me/a", "b", "", ""),
            (
                "https://h/a.git?branch=x%2Fy&subdir=s",
                "https://h/a.git",
                "refs/heads/x/y",
                "s",
                "",
            ),
            (
                "https://h/a.git?tag=v2&checksum=abc",
                "https://h/a.git",
                "refs/tags/v2",
                "",
                "abc",
            ),
        ] {
            let wanted = (
                repository.into(),
                reference.into(),
                folder.into(),
                commit.into(),
            );
            assert_eq!(read(text), wanted, "{text}");
        }
        for other in [
            "https://h/a.tar.gz",
            "https://h/a",
            "./a.git",
            "a@b",
            "file.git",
        ] {
            assert!(GitAddress::parse(other).is_none(), "{other}");
        }
        for bad in [
            "https://h/a.git#--upload-pack=x",
            "https://h/a.git?colour=red",
            "https://h/a.git?ref=a&branch=b",
        ] {
            assert!(GitAddress::parse(bad).unwrap().is_err(), "{bad}");
        }
        let host = |text| GitAddress::parse(text).unwrap().unwrap().host().to_owned();
        assert_eq!(host("https://user@h.com:8080/a.git"), "h.com");
        assert_eq!(host("git@h.com:me/a"), "h.com");
    }
}
