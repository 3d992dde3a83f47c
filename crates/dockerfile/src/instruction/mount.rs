//! `RUN --mount`.

use gantry_units::{csv_fields, parse_ram};

use crate::error::Problem;
use crate::suggest::nearest;

/// What is mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MountType {
    /// Files of the context, a stage or an image.
    #[default]
    Bind,
    /// A directory kept between builds.
    Cache,
    /// Memory.
    Tmpfs,
    /// A secret of the client.
    Secret,
    /// The client's ssh agent.
    Ssh,
}

impl MountType {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }

    const ALL: [Self; 5] = [
        Self::Bind,
        Self::Cache,
        Self::Tmpfs,
        Self::Secret,
        Self::Ssh,
    ];
}

/// How builds share a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// All at once.
    Shared,
    /// A second one gets another.
    Private,
    /// A second one waits.
    Locked,
}

/// A mount as it was written; what it means is known once variables are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSpec {
    fields: Vec<String>,
    /// The stage, image or named context that it comes from.
    pub from: Option<String>,
}

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountType,
    /// The stage, image or named context that it comes from.
    pub from: Option<String>,
    /// The path within it, or the secret's id.
    pub source: Option<String>,
    /// Where it is seen.
    pub target: Option<String>,
    /// Whether it can only be read.
    pub read_only: bool,
    /// The most bytes of memory.
    pub size: Option<i64>,
    /// The name of a cache, a secret or an agent.
    pub id: Option<String>,
    /// How a cache is shared.
    pub sharing: Option<Sharing>,
    /// Whether the build fails without it.
    pub required: bool,
    /// The variable that holds the secret; an empty name means the secret's id.
    pub env: Option<String>,
    /// Permissions.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];

impl MountSpec {
    /// The path within the build's context that this binds, as it is written; `None` for other mounts.
    pub fn context_path(&self) -> Option<&str> {
        let value = |names: &[&str]| {
            let fields = self.fields.iter().rev();
            fields
                .filter_map(|field| field.split_once('='))
                .find(|(name, _)| names.iter().any(|n| name.eq_ignore_ascii_case(n)))
                .map(|(_, value)| value)
        };
        let bind = value(&["type"]).is_none_or(|kind| kind == "bind");
        let own = bind && self.from.is_none();
        own.then(|| value(&["source", "src"]).unwrap_or_default())
    }

    pub(crate) fn new(text: String) -> Result<Self, Problem> {
        let fields = csv_fields(&text).map_err(|_| Problem::Csv("mounts"))?;
        let mut from = None;
        for field in &fields {
            let Some((key, value)) = field.split_once('=') else {
                continue;
            };
            if key.eq_ignore_ascii_case("from") {
                if value.find('$').is_some_and(|at| at + 1 != value.len()) {
                    return Err(Problem::MountFromVariable("from".to_owned()));
                }
                from = Some(value.to_owned()).filter(|v| !v.is_empty());
            }
        }
        Ok(Self { fields, from })
    }

    /// What it means; `expand` puts in the values of variables.
    pub fn resolve(
        &self,
        mut expand: impl FnMut(&str) -> Result<String, Problem>,
    ) -> Result<Mount, Problem> {
        let mut mount = Mount::default();
        let mut read_only = None;
        for field in &self.fields {
            match field.split_once('=') {
                Some((key, value)) => {
                    let key = key.to_lowercase();
                    mount.set(&key, expand(value)?, field, &mut read_only)?;
                }
                None => mount.switch(field, &mut read_only)?,
            }
        }
        let writable = matches!(mount.kind, MountType::Cache | MountType::Tmpfs);
        mount.read_only = read_only.unwrap_or(!writable);
        mount.check()?;
        Ok(mount)
    }
}

impl Mount {
    fn switch(&mut self, field: &str, read_only: &mut Option<bool>) -> Result<(), Problem> {
        match field.to_lowercase().as_str() {
            "readonly" | "ro" => *read_only = Some(true),
            "readwrite" | "rw" => *read_only = Some(false),
            "required" => {
                self.may_be_required()?;
                self.required = true;
            }
            _ => return Err(Problem::FieldValue(field.to_owned())),
        }
        Ok(())
    }

    fn set(
        &mut self,
        key: &str,
        value: String,
        field: &str,
        read_only: &mut Option<bool>,
    ) -> Result<(), Problem> {
        let text = Some(value.clone()).filter(|v| !v.is_empty());
        match key {
            "type" => self.kind = kind(&value)?,
            "from" => self.from = text,
            "source" | "src" => self.source = text,
            "target" | "dst" | "destination" => self.target = text,
            "readonly" | "ro" => *read_only = Some(truth(key, &value)?),
            "readwrite" | "rw" => *read_only = Some(!truth(key, &value)?),
            "required" => {
                self.may_be_required()?;
                self.required = truth(key, &value)?;
            }
            "size" if self.kind == MountType::Tmpfs => {
                let size = parse_ram(&value).map_err(|_| invalid(key, &value))?;
                self.size = Some(size);
            }
            "size" => return Err(self.unexpected(key)),
            "id" => self.id = text,
            "sharing" => self.sharing = Some(sharing(&value)?),
            "mode" => self.mode = Some(number(key, &value, 8)?),
            "uid" => self.uid = Some(number(key, &value, 10)?),
            "gid" => self.gid = Some(number(key, &value, 10)?),
            "env" => self.env = Some(value),
            _ => {
                return Err(Problem::FieldKey {
                    key: key.to_owned(),
                    field: field.to_owned(),
                    suggestion: nearest(key, KEYS, true),
                });
            }
        }
        Ok(())
    }

    fn may_be_required(&self) -> Result<(), Problem> {
        match self.kind {
            MountType::Secret | MountType::Ssh => Ok(()),
            _ => Err(self.unexpected("required")),
        }
    }

    fn unexpected(&self, key: &str) -> Problem {
        Problem::MountKey {
            key: key.to_owned(),
            kind: self.kind.as_str(),
        }
    }

    /// What does not fit together.
    fn check(&self) -> Result<(), Problem> {
        let kind = self.kind.as_str();
        if matches!(self.kind, MountType::Bind | MountType::Tmpfs) {
            let owners = [("mode", self.mode), ("uid", self.uid), ("gid", self.gid)];
            if let Some((key, _)) = owners.iter().find(|(_, v)| v.is_some()) {
                return Err(Problem::MountOwner { key, kind });
            }
        }
        if self.kind == MountType::Secret {
            let nameless = self.source.is_none() && self.target.is_none() && self.id.is_none();
            let wrong = match () {
                () if self.from.is_some() => Some(Problem::SecretFrom),
                () if self.sharing.is_some() => Some(Problem::SecretSharing),
                () if nameless => Some(Problem::SecretTarget),
                () if self.source.is_some() && self.id.is_some() => {
                    Some(Problem::SecretSourceAndId)
                }
                () => None,
            };
            if let Some(problem) = wrong {
                return Err(problem);
            }
        }
        if self.sharing.is_some() && self.kind != MountType::Cache {
            return Err(Problem::SharingKind(kind));
        }
        Ok(())
    }
}

fn kind(value: &str) -> Result<MountType, Problem> {
    let lower = value.to_lowercase();
    MountType::ALL
        .into_iter()
        .find(|k| k.as_str() == lower)
        .ok_or_else(|| Problem::MountType {
            value: value.to_owned(),
            suggestion: nearest(value, MountType::ALL.map(MountType::as_str), true),
        })
}

fn sharing(value: &str) -> Result<Sharing, Problem> {
    match value.to_lowercase().as_str() {
        "shared" => Ok(Sharing::Shared),
        "private" => Ok(Sharing::Private),
        "locked" => Ok(Sharing::Locked),
        _ => Err(Problem::MountSharing {
            value: value.to_owned(),
            suggestion: nearest(value, ["shared", "private", "locked"], true),
        }),
    }
}

fn number(key: &str, value: &str, radix: u32) -> Result<u32, Problem> {
    u32::from_str_radix(value, radix).map_err(|_| Problem::MountNumber {
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

fn invalid(key: &str, value: &str) -> Problem {
    Problem::FieldInvalid {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// Go's spellings of true and false.
pub(crate) fn truth(key: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(invalid(key, value)),
    }
}

#[cfg(test)]
mod tests;
