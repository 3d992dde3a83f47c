//! `--output`, `--cache-from` and `--cache-to`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;

/// What becomes of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// `image`, `docker`, `oci`, `tar`, `local`, `registry`.
    pub(crate) kind: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Where it goes on this machine.
    pub(crate) place: Place,
}

/// Where a result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// It stays in the engine, or goes to a registry.
    Engine,
    Folder(PathBuf),
    /// An OCI layout that is no archive.
    Layout(PathBuf),
    File(PathBuf),
    StandardOutput,
}

impl Output {
    pub(crate) fn image() -> Self {
        Self {
            kind: "image".to_owned(),
            attributes: BTreeMap::new(),
            place: Place::Engine,
        }
    }

    /// Reads `type=local,dest=out`, or `out`, or `-`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.contains('=') {
            return Ok(if text == "-" {
                Self::of("tar", Place::StandardOutput)
            } else {
                Self::of("local", Place::Folder(PathBuf::from(text)))
            });
        }
        let mut kind = String::new();
        let mut attributes = BTreeMap::new();
        for (key, value) in pairs(text)? {
            match key.as_str() {
                "type" => kind = value,
                _ => drop(attributes.insert(key, value)),
            }
        }
        if kind.is_empty() {
            return Err("type is required for output".to_owned());
        }
        if kind == "registry" {
            "image".clone_into(&mut kind);
            attributes
                .entry("push".to_owned())
                .or_insert_with(|| "true".to_owned());
        }
        let dest = attributes.remove("dest");
        let files = attributes.get("tar").is_some_and(|tar| tar == "false");
        let place = match kind.as_str() {
            "oci" | "docker" if files => match place("local", dest)? {
                Place::Folder(folder) => Place::Layout(folder),
                other => other,
            },
            kind => place(kind, dest)?,
        };
        Ok(Self {
            kind,
            attributes,
            place,
        })
    }

    fn of(kind: &str, place: Place) -> Self {
        Self {
            kind: kind.to_owned(),
            attributes: BTreeMap::new(),
            place,
        }
    }

    pub(crate) fn pushes(&self) -> bool {
        matches!(
            self.attributes.get("push").map(String::as_str),
            Some("true" | "1" | "t" | "T" | "TRUE" | "True")
        )
    }
}

fn place(kind: &str, dest: Option<String>) -> Result<Place, String> {
    let dest = dest.filter(|dest| !dest.is_empty());
    Ok(match (kind, dest.as_deref()) {
        ("image" | "docker", None) => Place::Engine,
        ("image", Some(_)) => return Err("output type image has no dest".to_owned()),
        ("local", None) => {
            return Err("dest is required for local output".to_owned());
        }
        ("local", Some("-")) => {
            return Err("dest cannot be stdout for local output".to_owned());
        }
        ("local", Some(dest)) => Place::Folder(PathBuf::from(dest)),
        ("tar" | "oci" | "docker", None | Some("-")) => Place::StandardOutput,
        ("tar" | "oci" | "docker", Some(dest)) => Place::File(PathBuf::from(dest)),
        ("cacheonly", _) => Place::Engine,
        (other, _) => return Err(format!("unsupported output type {other:?}")),
    })
}

impl Place {
    /// Opens it for a stream; `None` if it is none.
    pub(crate) fn writer(&self) -> Result<Option<Box<dyn Write + Send>>, String> {
        Ok(match self {
            Self::Engine | Self::Folder(_) | Self::Layout(_) => None,
            Self::StandardOutput if std::io::stdout().is_terminal() => {
                return Err(
                    "dest file is required for this output: refusing to write to console"
                        .to_owned(),
                );
            }
            Self::StandardOutput => Some(Box::new(std::io::stdout())),
            Self::File(path) => {
                let file = File::create(path)
                    .map_err(|error| crate::create::open_error(&path.to_string_lossy(), &error))?;
                Some(Box::new(file))
            }
        })
    }
}

/// A cache as `type=x,key=value`; a bare name is an image in a registry.
pub(crate) fn cache(text: &str) -> Result<(String, BTreeMap<String, String>), String> {
    let mut attributes = BTreeMap::new();
    if !text.contains('=') {
        attributes.insert("ref".to_owned(), text.to_owned());
        return Ok(("registry".to_owned(), attributes));
    }
    let mut kind = String::new();
    for (key, value) in pairs(text)? {
        match key.as_str() {
            "type" => kind = value,
            _ => drop(attributes.insert(key, value)),
        }
    }
    match kind.as_str() {
        "" => Err(format!("type required form> {text:?}")),
        _ => Ok((kind, attributes)),
    }
}

/// `key=value` pairs separated by commas, with quotes as in CSV.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let fields = gantry_units::csv_fields(text).map_err(|error| error.to_string())?;
    fields
        .into_iter()
        .map(|field| {
            let (key, value) = field
                .split_once('=')
                .ok_or_else(|| format!("invalid value {field}"))?;
            Ok((key.trim().to_lowercase(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_have_a_short_form() {
        let read = |text: &str| Output::parse(text).unwrap();
        assert_eq!(read("out").place, Place::Folder("out".into()));
        assert_eq!(
            (read("-").kind.as_str(), read("-").place),
            ("tar", Place::StandardOutput)
        );
        let tar = read("type=docker,dest=a.tar");
        assert_eq!(
            (tar.kind.as_str(), tar.place),
            ("docker", Place::File("a.tar".into()))
        );
        assert!(read("type=registry").pushes());
        assert!(!read("type=image,push=false,name=x").pushes());
        assert_eq!(read("type=docker").place, Place::Engine);
        assert_eq!(
            read("type=oci,tar=false,dest=a").place,
            Place::Layout("a".into())
        );
        assert_eq!(
            Output::parse("dest=x").unwrap_err(),
            "type is required for output"
        );
        assert_eq!(
            Output::parse("type=local").unwrap_err(),
            "dest is required for local output"
        );
        assert_eq!(
            Output::parse("type=zip,dest=x").unwrap_err(),
            "unsupported output type \"zip\""
        );
    }

    #[test]
    fn a_bare_cache_is_an_image() {
        let (kind, attributes) = cache("user/app:cache").unwrap();
        assert_eq!(
            (kind.as_str(), attributes["ref"].as_str()),
            ("registry", "user/app:cache")
        );
        assert_eq!(cache("type=inline").unwrap().0, "inline");
        assert_eq!(cache("type=local,src=x").unwrap().1["src"], "x");
    }
}
