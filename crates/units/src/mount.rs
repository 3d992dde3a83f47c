//! `--mount type=bind,source=/a,target=/b,readonly`.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::volume::Propagation;
use crate::{Error, csv, parse_ram};

/// What a mount is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MountKind {
    /// A path of the host.
    Bind,
    /// A volume; the default.
    #[default]
    Volume,
    /// Memory.
    Tmpfs,
    /// Another image's files.
    Image,
}

impl MountKind {
    /// `bind`, `volume`, `tmpfs` or `image`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Image => "image",
        }
    }
}

impl FromStr for MountKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "bind" => Ok(Self::Bind),
            "volume" => Ok(Self::Volume),
            "tmpfs" => Ok(Self::Tmpfs),
            "image" => Ok(Self::Image),
            _ => Err(Error::MountType(text.to_owned())),
        }
    }
}

/// A mount as `--mount` describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountSpec {
    /// What it is made of.
    pub kind: MountKind,
    /// Host path, volume or image.
    pub source: String,
    /// Path inside.
    pub target: String,
    /// Read-only.
    pub read_only: bool,
    /// Accepted for Docker Desktop's sake.
    pub consistency: String,
    /// bind: propagation.
    pub propagation: Option<Propagation>,
    /// bind: without the mounts below it.
    pub non_recursive: bool,
    /// bind: only the top mount is read-only.
    pub read_only_non_recursive: bool,
    /// bind: fail if the mounts below cannot be read-only.
    pub read_only_force_recursive: bool,
    /// bind: make the source if it is missing.
    pub create_mountpoint: bool,
    /// volume: do not copy the image's files.
    pub no_copy: bool,
    /// volume: labels.
    pub labels: BTreeMap<String, String>,
    /// volume: driver.
    pub driver: String,
    /// volume: driver's options.
    pub driver_options: BTreeMap<String, String>,
    /// volume and image: directory in it.
    pub subpath: String,
    /// tmpfs: bytes.
    pub size: i64,
    /// tmpfs: permission bits.
    pub mode: u32,
    /// Ours, not for images: whose files seem to be.
    pub uid: Option<u32>,
    /// The same for groups.
    pub gid: Option<u32>,
    /// Ours, bind and volume: ranges of owners, which the daemon reads.
    pub id_map: String,
}

impl FromStr for MountSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut spec = Self::default();
        let mut options: Vec<&'static str> = Vec::new();
        for field in csv::fields(text)? {
            if let Some(prefix) = spec.read(&field)? {
                options.push(prefix);
            }
        }
        if spec.target.is_empty() {
            return Err(Error::MountWithoutTarget);
        }
        if let Some(prefix) = options.iter().find(|prefix| **prefix != spec.kind.as_str()) {
            return Err(Error::MountMix {
                prefix,
                kind: spec.kind.as_str().to_owned(),
            });
        }
        spec.check_recursion()?;
        Ok(spec)
    }
}

impl MountSpec {
    /// `bind-recursive` says something about a read-only mount alone.
    fn check_recursion(&self) -> Result<(), Error> {
        let conflict = |option, other| Err(Error::MountNeeds { option, other });
        if self.read_only_non_recursive && !self.read_only {
            return conflict("bind-recursive=writable", "readonly");
        }
        if self.read_only_force_recursive {
            if !self.read_only {
                return conflict("bind-recursive=readonly", "readonly");
            }
            if self.propagation != Some(Propagation::RPrivate) {
                return conflict("bind-recursive=readonly", "bind-propagation=rprivate");
            }
        }
        Ok(())
    }

    /// Takes one field; gives the kind of mount that the option belongs to, if to one.
    fn read(&mut self, field: &str) -> Result<Option<&'static str>, Error> {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), value),
            None => (flag_without_value(field)?, "true"),
        };
        let bad = || Error::FieldValue {
            key: key.clone(),
            value: value.to_owned(),
        };
        let truth = || parse_bool(value).ok_or_else(bad);
        match key.as_str() {
            "type" => self.kind = value.parse()?,
            "source" | "src" => value.clone_into(&mut self.source),
            "target" | "dst" | "destination" => value.clone_into(&mut self.target),
            "readonly" | "ro" => self.read_only = truth()?,
            "uid" => self.uid = Some(value.parse().map_err(|_| bad())?),
            "gid" => self.gid = Some(value.parse().map_err(|_| bad())?),
            "idmap" => value.clone_into(&mut self.id_map),
            "consistency" => self.consistency = value.to_ascii_lowercase(),
            _ => return self.read_option(&key, value, field).map(Some),
        }
        Ok(None)
    }

    /// Takes an option that belongs to one kind of mount.
    fn read_option(&mut self, key: &str, value: &str, field: &str) -> Result<&'static str, Error> {
        let bad = || Error::FieldValue {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let truth = || parse_bool(value).ok_or_else(bad);
        match key {
            "bind-propagation" => self.propagation = Some(value.parse().map_err(|_| bad())?),
            "bind-nonrecursive" => self.non_recursive = truth()?,
            "bind-create-src" => self.create_mountpoint = truth()?,
            "bind-recursive" => self.read_recursive(value).ok_or_else(bad)?,
            "volume-subpath" | "image-subpath" => value.clone_into(&mut self.subpath),
            "volume-nocopy" => self.no_copy = truth()?,
            "volume-label" => insert(&mut self.labels, value),
            "volume-driver" => value.clone_into(&mut self.driver),
            "volume-opt" => insert(&mut self.driver_options, value),
            "tmpfs-size" => self.size = parse_ram(value).map_err(|_| bad())?,
            "tmpfs-mode" => self.mode = u32::from_str_radix(value, 8).map_err(|_| bad())?,
            _ => {
                return Err(Error::UnknownKey {
                    key: key.to_owned(),
                    field: field.to_owned(),
                });
            }
        }
        Ok(match key.split('-').next() {
            Some("bind") => "bind",
            Some("image") => "image",
            Some("tmpfs") => "tmpfs",
            _ => "volume",
        })
    }

    fn read_recursive(&mut self, value: &str) -> Option<()> {
        match value {
            "enabled" => {}
            "disabled" => self.non_recursive = true,
            "writable" => self.read_only_non_recursive = true,
            "readonly" => self.read_only_force_recursive = true,
            _ => return None,
        }
        Some(())
    }
}

/// The few keys that may stand alone.
fn flag_without_value(field: &str) -> Result<String, Error> {
    let key = field.to_ascii_lowercase();
    match key.as_str() {
        "readonly" | "ro" | "volume-nocopy" | "bind-nonrecursive" | "bind-create-src" => Ok(key),
        _ => Err(Error::FieldWithoutValue(field.to_owned())),
    }
}

/// Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn insert(map: &mut BTreeMap<String, String>, value: &str) {
    let (key, value) = value.split_once('=').unwrap_or((value, ""));
    map.insert(key.to_owned(), value.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_each_kind() {
        let spec: MountSpec = "type=bind,src=/a,dst=/b,ro,bind-propagation=rslave"
            .parse()
            .unwrap();
        assert_eq!(spec.kind, MountKind::Bind);
        assert!(spec.read_only);
        assert_eq!(spec.propagation, Some(Propagation::RSlave));
        let spec: MountSpec = "source=data,target=/d,volume-label=a=b,\"volume-opt=o=x,y\""
            .parse()
            .unwrap();
        assert_eq!(spec.kind, MountKind::Volume);
        assert_eq!(spec.labels["a"], "b");
        assert_eq!(spec.driver_options["o"], "x,y");
        let spec: MountSpec = "type=bind,src=/a,target=/b,uid=7,gid=8".parse().unwrap();
        assert_eq!((spec.uid, spec.gid), (Some(7), Some(8)));
        let spec: MountSpec = "type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770"
            .parse()
            .unwrap();
        assert_eq!((spec.size, spec.mode), (64 << 20, 0o1770));
    }

    #[test]
    fn refuses_in_dockers_words() {
        let refuse = |text: &str| text.parse::<MountSpec>().unwrap_err().to_string();
        assert_eq!(
            refuse("type=volume,foo"),
            "invalid field 'foo' must be a key=value pair"
        );
        assert_eq!(
            refuse("type=volume,foo=bar"),
            "unexpected key 'foo' in 'foo=bar'"
        );
        assert_eq!(refuse("type=bind,source=/a"), "target is required");
        assert_eq!(
            refuse("type=bind,target=/a,ro=maybe"),
            "invalid value for ro: maybe"
        );
        assert_eq!(
            refuse("type=bind,source=/a,target=/a,bind-recursive=writable"),
            "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"
        );
        assert_eq!(
            refuse("type=bind,target=/a,volume-nocopy"),
            "cannot mix 'volume-*' options with mount type 'bind'"
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*", grammar in "(type=|bind|volume-|src=|,|\"|ro|=|/a)*") {
            let _ = text.parse::<MountSpec>();
            let _ = grammar.parse::<MountSpec>();
        }
    }
}
