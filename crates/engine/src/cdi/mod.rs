//! Devices that describe themselves: the container device interface (CDI), and `--gpus` by it.
//!
//! Vendors put files into `/etc/cdi` and `/var/run/cdi` that say what a container needs to use
//! their devices: nodes, variables, mounts, hooks. `--device vendor.com/class=name` asks for one.
//! Files are read anew at each start that asks: drivers write them at any time.

mod document;
mod edits;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gantry_api_types::DeviceRequest;
use gantry_oci::Spec;

use self::document::{Device, Document, Edits};
use crate::Error;

/// The kind of NVIDIA's descriptions, as `nvidia-ctk cdi generate` writes them.
const NVIDIA: &str = "nvidia.com/gpu";
/// What Docker's own driver for NVIDIA answers to.
const NVIDIA_CAPABILITIES: [&str; 8] = [
    "gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video", "display",
];

/// Changes a configuration as the requested devices need it.
pub(crate) fn inject(
    requests: &[DeviceRequest],
    directories: &[PathBuf],
    spec: &mut Spec,
) -> Result<(), Error> {
    if requests.is_empty() {
        return Ok(());
    }
    let registry = Registry::read(directories);
    let mut names = Vec::new();
    for request in requests {
        if request.driver == "cdi" {
            names.extend(request.device_ids.clone().unwrap_or_default());
        } else {
            names.extend(registry.gpus(request)?);
        }
    }
    registry.apply(&names, spec)
}

/// Full names of the described devices that a name means: one, all of a kind by `*`, or the first one of a kind.
pub(crate) fn described(directories: &[PathBuf], name: &str) -> Vec<String> {
    let registry = Registry::read(directories);
    let known = registry.devices.iter().filter(|(_, place)| place.is_some());
    let mut names = known.map(|(full, _)| full.clone());
    match name.split_once('=') {
        Some((kind, "*")) => {
            let of_kind = format!("{kind}=");
            names.filter(|full| full.starts_with(&of_kind)).collect()
        }
        Some(_) => names.filter(|full| full == name).collect(),
        None => {
            let of_kind = format!("{name}=");
            names
                .find(|full| full.starts_with(&of_kind))
                .into_iter()
                .collect()
        }
    }
}

/// The devices that are described.
struct Registry {
    documents: Vec<Document>,
    /// Places of document and device by full name; `None` where two of the same directory
    /// contradict one another.
    devices: BTreeMap<String, Option<(usize, usize)>>,
}

impl Registry {
    /// Reads all files; a later directory wins over an earlier one. What cannot be read is told to
    /// the log: it may be somebody else's business.
    fn read(directories: &[PathBuf]) -> Self {
        let mut registry = Self {
            documents: Vec::new(),
            devices: BTreeMap::new(),
        };
        for directory in directories {
            let mut here = BTreeMap::new();
            for path in files(directory) {
                match Document::read(&path) {
                    Some(Ok(document)) => registry.add(document, &mut here),
                    Some(Err(why)) => tracing::warn!(file = %path.display(), "CDI: {why}"),
                    None => {}
                }
            }
            registry.devices.append(&mut here);
        }
        registry
    }

    fn add(&mut self, document: Document, here: &mut BTreeMap<String, Option<(usize, usize)>>) {
        let number = self.documents.len();
        for (at, device) in document.devices.iter().enumerate() {
            here.entry(format!("{}={}", document.kind, device.name))
                .and_modify(|place| *place = None)
                .or_insert(Some((number, at)));
        }
        self.documents.push(document);
    }

    fn find(&self, name: &str) -> Option<(usize, &Device)> {
        let (document, device) = (*self.devices.get(name)?)?;
        Some((document, &self.documents[document].devices[device]))
    }

    /// `--gpus`: by NVIDIA's description, where there is one.
    fn gpus(&self, request: &DeviceRequest) -> Result<Vec<String>, Error> {
        let wanted = request.capabilities.as_deref().unwrap_or_default();
        let known = |list: &Vec<String>| {
            list.iter()
                .all(|word| NVIDIA_CAPABILITIES.contains(&word.as_str()))
        };
        let described = self.documents.iter().any(|d| d.kind == NVIDIA);
        let asked_for =
            matches!(request.driver.as_str(), "" | "nvidia") && wanted.iter().any(known);
        if !described || !asked_for {
            return Err(no_driver(&request.driver, wanted));
        }
        let full = |id: &str| format!("{NVIDIA}={id}");
        Ok(match (&request.device_ids, request.count) {
            (Some(ids), _) if !ids.is_empty() => ids.iter().map(|id| full(id)).collect(),
            (_, -1) => vec![full("all")],
            (_, count) => (0..count).map(|n| full(&n.to_string())).collect(),
        })
    }

    /// First what belongs to a whole file, once for each, then what belongs to the device.
    fn apply(&self, names: &[String], spec: &mut Spec) -> Result<(), Error> {
        let missing: Vec<_> = names.iter().filter(|n| self.find(n).is_none()).collect();
        if !missing.is_empty() {
            let missing: Vec<&str> = missing.iter().map(|n| n.as_str()).collect();
            return Err(Error::Invalid(format!(
                "CDI device injection failed: unresolvable CDI devices {}",
                missing.join(", ")
            )));
        }
        let mut seen = Vec::new();
        let mut all: Vec<&Edits> = Vec::new();
        for (document, device) in names.iter().filter_map(|name| self.find(name)) {
            if !seen.contains(&document) {
                seen.push(document);
                all.push(&self.documents[document].container_edits);
            }
            all.push(&device.container_edits);
        }
        all.into_iter()
            .try_for_each(|edits| edits::apply(edits, spec))
    }
}

/// Docker's words, with Go's way to print lists.
fn no_driver(driver: &str, wanted: &[Vec<String>]) -> Error {
    let lists: Vec<String> = wanted
        .iter()
        .map(|list| format!("[{}]", list.join(" ")))
        .collect();
    Error::Invalid(format!(
        "could not select device driver {driver:?} with capabilities: [{}]",
        lists.join(" ")
    ))
}

/// The files of a directory by name, so that the order does not depend on the file system.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let temp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = temp.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let directories = ["etc", "run"].map(|name| temp.path().join(name));
        (temp, directories.into())
    }

    fn request(driver: &str, ids: &[&str]) -> DeviceRequest {
        DeviceRequest {
            driver: driver.into(),
            device_ids: Some(ids.iter().map(|&id| id.to_owned()).collect()),
            ..DeviceRequest::default()
        }
    }

    fn env_of(spec: &Spec) -> &[String] {
        &spec.process.as_ref().unwrap().env
    }

    fn spec() -> Spec {
        Spec {
            process: Some(gantry_oci::Process::default()),
            ..Spec::default()
        }
    }

    const ONE: &str = "kind: v.com/c\ncontainerEdits: {env: [ALL=1]}\ndevices:\n\
        - {name: a, containerEdits: {env: [A=1]}}\n- {name: b, containerEdits: {env: [B=1]}}\n";

    #[test]
    fn a_whole_file_counts_once_and_later_directories_win() {
        let other = "kind: v.com/c\ndevices: [{name: b, containerEdits: {env: [B=2]}}]";
        let (_temp, directories) = registry(&[
            ("etc/one.yaml", ONE),
            ("run/two.json", "{"),
            ("run/other.yml", other),
        ]);
        let mut spec = spec();
        let both = [
            request("cdi", &["v.com/c=a"]),
            request("cdi", &["v.com/c=b"]),
        ];
        inject(&both, &directories, &mut spec).unwrap();
        assert_eq!(env_of(&spec), ["ALL=1", "A=1", "B=2"]);
    }

    #[test]
    fn what_is_not_described_is_named() {
        let (_temp, directories) = registry(&[("etc/one.yaml", ONE), ("etc/same.yaml", ONE)]);
        let asked = [request("cdi", &["v.com/c=a", "v.com/c=x"])];
        let error = inject(&asked, &directories, &mut spec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CDI device injection failed: unresolvable CDI devices v.com/c=a, v.com/c=x"
        );
        let gpu = DeviceRequest {
            count: -1,
            capabilities: Some(vec![vec!["gpu".into()]]),
            ..DeviceRequest::default()
        };
        let error = inject(&[gpu], &directories, &mut spec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not select device driver \"\" with capabilities: [[gpu]]"
        );
    }

    #[test]
    fn gpus_are_nvidias_descriptions() {
        let text = "kind: nvidia.com/gpu\ndevices:\n- {name: 0, containerEdits: {env: [G=0]}}\n\
                    - {name: all, containerEdits: {env: [G=all]}}\n";
        let (_temp, directories) = registry(&[("run/nvidia.yaml", text)]);
        for (count, expected) in [(-1, "G=all"), (1, "G=0")] {
            let gpu = DeviceRequest {
                count,
                capabilities: Some(vec![vec!["gpu".into()]]),
                ..DeviceRequest::default()
            };
            let mut spec = spec();
            inject(&[gpu], &directories, &mut spec).unwrap();
            assert_eq!(env_of(&spec), [expected]);
        }
    }
}
