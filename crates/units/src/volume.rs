//! `-v source:target:mode` and the binds of the API.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// How mounts spread between host and container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// Not at all, nor below.
    RPrivate,
    /// Not at all.
    Private,
    /// Both ways, also below.
    RShared,
    /// Both ways.
    Shared,
    /// From the host, also below.
    RSlave,
    /// From the host.
    Slave,
}

impl Propagation {
    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RPrivate => "rprivate",
            Self::Private => "private",
            Self::RShared => "rshared",
            Self::Shared => "shared",
            Self::RSlave => "rslave",
            Self::Slave => "slave",
        }
    }
}

impl fmt::Display for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Propagation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let all = [
            Self::RPrivate,
            Self::Private,
            Self::RShared,
            Self::Shared,
            Self::RSlave,
            Self::Slave,
        ];
        all.into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| Error::VolumeMode(text.to_owned()))
    }
}

/// What a volume flag mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeSource {
    /// A path of the host.
    Host(String),
    /// A volume with a name.
    Named(String),
    /// A new volume without a name.
    Anonymous,
}

/// A volume flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSpec {
    /// What is mounted.
    pub source: VolumeSource,
    /// Absolute path inside, without `.`, `..` and double slashes.
    pub target: String,
    /// The mode as given; inspect tells it.
    pub mode: String,
    /// Read-only.
    pub read_only: bool,
    /// How mounts spread, if said.
    pub propagation: Option<Propagation>,
    /// SELinux: `z` shared, `Z` private.
    pub relabel: Option<char>,
    /// Do not copy the image's files into a new volume.
    pub no_copy: bool,
}

impl FromStr for VolumeSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.split(':');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next()];
        let (source, target, mode) = match parts {
            [Some(target), None, ..] => ("", target, ""),
            // `/target:ro` is a volume without a name, as `a:b` can never be a mode.
            [Some(target), Some(mode), None, _] if is_mode(mode) => ("", target, mode),
            [Some(source), Some(target), None, _] => (source, target, ""),
            [Some(source), Some(target), Some(mode), None] => (source, target, mode),
            _ => return Err(Error::Volume(text.to_owned())),
        };
        if target.is_empty() || (source.is_empty() && parts[1].is_some() && !is_mode(mode)) {
            return Err(Error::Volume(text.to_owned()));
        }
        let source = read_source(source)?;
        let mut spec = Self {
            target: read_target(target, &source, text)?,
            source,
            mode: mode.to_owned(),
            read_only: false,
            propagation: None,
            relabel: None,
            no_copy: false,
        };
        spec.read_mode(mode)?;
        Ok(spec)
    }
}

fn read_source(source: &str) -> Result<VolumeSource, Error> {
    if source.is_empty() {
        return Ok(VolumeSource::Anonymous);
    }
    if source.starts_with('/') {
        return Ok(VolumeSource::Host(clean(source)));
    }
    let mut bytes = source.bytes();
    let head = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let tail = source.len() > 1
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if head && tail {
        Ok(VolumeSource::Named(source.to_owned()))
    } else {
        Err(Error::VolumeName(source.to_owned()))
    }
}

fn read_target(target: &str, source: &VolumeSource, text: &str) -> Result<String, Error> {
    if !target.starts_with('/') {
        let kind = if matches!(source, VolumeSource::Host(_)) {
            "bind"
        } else {
            "volume"
        };
        return Err(Error::VolumeTarget {
            spec: text.to_owned(),
            kind,
            path: target.to_owned(),
        });
    }
    match clean(target).as_str() {
        "/" => Err(Error::VolumeOnRoot(text.to_owned())),
        clean => Ok(clean.to_owned()),
    }
}

/// The shortest path with the same meaning, for absolute paths.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether every word of it is a mode; the empty mode is one only where Docker takes it so.
fn is_mode(text: &str) -> bool {
    !text.is_empty()
        && text.split(',').all(|word| {
            matches!(
                word,
                "ro" | "rw" | "z" | "Z" | "nocopy" | "consistent" | "cached" | "delegated"
            ) || word.parse::<Propagation>().is_ok()
        })
}

impl VolumeSpec {
    /// Reads the comma-separated mode; each family of words may come once.
    fn read_mode(&mut self, mode: &str) -> Result<(), Error> {
        let bad = || Error::VolumeMode(mode.to_owned());
        let (mut access, mut consistency) = (false, false);
        for word in mode.split(',').filter(|_| !mode.is_empty()) {
            let again = match word {
                "ro" | "rw" => {
                    self.read_only = word == "ro";
                    std::mem::replace(&mut access, true)
                }
                "z" | "Z" => self
                    .relabel
                    .replace(if word == "z" { 'z' } else { 'Z' })
                    .is_some(),
                "nocopy" => std::mem::replace(&mut self.no_copy, true),
                "consistent" | "cached" | "delegated" => std::mem::replace(&mut consistency, true),
                word => {
                    let propagation = word.parse().map_err(|_| bad())?;
                    self.propagation.replace(propagation).is_some()
                }
            };
            if again {
                return Err(bad());
            }
        }
        let host = matches!(self.source, VolumeSource::Host(_));
        if (self.no_copy && host) || (self.propagation.is_some() && !host) {
            return Err(bad());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> VolumeSpec {
        text.parse().unwrap()
    }

    #[test]
    fn reads_all_forms() {
        assert_eq!(read("/data").source, VolumeSource::Anonymous);
        assert_eq!(read("/data:ro").target, "/data");
        assert!(read("/data:ro").read_only);
        let bind = read("/host/../srv/:/a//b/:ro,z,rslave");
        assert_eq!(bind.source, VolumeSource::Host("/srv".into()));
        assert_eq!(bind.target, "/a/b");
        assert_eq!(bind.mode, "ro,z,rslave");
        assert_eq!((bind.read_only, bind.relabel), (true, Some('z')));
        let named = read("data:/d:nocopy");
        assert_eq!(named.source, VolumeSource::Named("data".into()));
        assert!(named.no_copy && !named.read_only);
    }

    #[test]
    fn refuses_in_dockers_words() {
        let refuse = |text: &str| text.parse::<VolumeSpec>().unwrap_err().to_string();
        assert_eq!(refuse(""), "invalid volume specification: ''");
        assert_eq!(refuse("a:b:c:d"), "invalid volume specification: 'a:b:c:d'");
        assert_eq!(refuse("/a:/b:mad"), "invalid mode: mad");
        assert_eq!(refuse("/a:/b:ro,rw"), "invalid mode: ro,rw");
        assert!(refuse("/a:b").ends_with("mount path must be absolute"));
        assert!(refuse("/a:/").contains("destination can't be '/'"));
        assert!(refuse("./a:/b").contains("use absolute path"));
        assert!(refuse("data:/d:rshared").contains("invalid mode"));
        assert!(":/a".parse::<VolumeSpec>().is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*", grammar in "[a:/,roz.]*") {
            let _ = text.parse::<VolumeSpec>();
            let _ = grammar.parse::<VolumeSpec>();
        }
    }
}
