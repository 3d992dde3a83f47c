//! The files: `contexts/meta/<digest>/meta.json` and `contexts/tls/<digest>/docker/*.pem`, where
//! the digest is that of the context's name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use gantry_client::{Endpoint, Tls};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// A context as its file has it. What other programs keep there stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Context {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, Map<String, Value>>,
}

/// The endpoint that is for us.
const DOCKER: &str = "docker";

impl Context {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn description(&self) -> &str {
        let text = self.metadata.get("Description").and_then(Value::as_str);
        text.unwrap_or_default()
    }

    pub(crate) fn describe(&mut self, text: &str) {
        if text.is_empty() {
            self.metadata.remove("Description");
        } else {
            self.metadata.insert("Description".to_owned(), text.into());
        }
    }

    /// The daemon's address; empty is the local one.
    pub(crate) fn host(&self) -> &str {
        let host = self.endpoints.get(DOCKER).and_then(|e| e.get("Host"));
        host.and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn skips_verification(&self) -> bool {
        let skip = self
            .endpoints
            .get(DOCKER)
            .and_then(|e| e.get("SkipTLSVerify"));
        skip.and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn set_endpoint(&mut self, host: &str, skip_verify: bool) {
        let endpoint = self.endpoints.entry(DOCKER.to_owned()).or_default();
        endpoint.insert("Host".to_owned(), host.into());
        endpoint.insert("SkipTLSVerify".to_owned(), skip_verify.into());
    }
}

/// The folder with all contexts.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// All contexts, by name. A file that makes no sense is left out.
    pub(crate) fn all(&self) -> Vec<Context> {
        let mut all: Vec<Context> = fs::read_dir(self.folder.join("meta"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| fs::read(entry.path().join("meta.json")).ok())
            .filter_map(|bytes| serde_json::from_slice(&bytes).ok())
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    pub(crate) fn get(&self, name: &str) -> Result<Context, Failure> {
        let path = self.meta_folder(name).join("meta.json");
        let bytes = fs::read(&path).map_err(|e| {
            Failure::new(if e.kind() == io::ErrorKind::NotFound {
                format!(
                    "context \"{name}\": context not found: open {}: no such file or directory",
                    path.display()
                )
            } else {
                format!("context \"{name}\": {}: {e}", path.display())
            })
        })?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Failure::new(format!("context \"{name}\": {}: {e}", path.display())))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.meta_folder(name).join("meta.json").exists()
    }

    /// Writes a context; its certificates are left alone.
    pub(crate) fn put(&self, context: &Context) -> Result<(), Failure> {
        let folder = self.meta_folder(&context.name);
        make_folder(&folder, 0o755)?;
        let text = serde_json::to_vec(context).map_err(Failure::new)?;
        replace(&folder.join("meta.json"), &text, 0o644)
    }

    /// Replaces the certificates by those that are given.
    pub(crate) fn put_tls(&self, name: &str, files: &[(String, Vec<u8>)]) -> Result<(), Failure> {
        let folder = self.tls_folder(name);
        remove(&folder)?;
        for (file, content) in files {
            let folder = folder.join(DOCKER);
            make_folder(&folder, 0o700)?;
            replace(&folder.join(file), content, 0o600)?;
        }
        Ok(())
    }

    /// The certificates, by file.
    pub(crate) fn tls_files(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        let folder = self.tls_folder(name).join(DOCKER);
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                Some((name, fs::read(entry.path()).ok()?))
            })
            .collect();
        files.sort();
        files
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), Failure> {
        remove(&self.meta_folder(name))?;
        remove(&self.tls_folder(name))
    }

    pub(crate) fn meta_folder(&self, name: &str) -> PathBuf {
        self.folder.join("meta").join(digest(name))
    }

    pub(crate) fn tls_folder(&self, name: &str) -> PathBuf {
        self.folder.join("tls").join(digest(name))
    }

    /// The daemon that a context means; `None` is the local one.
    pub(crate) fn endpoint(&self, name: &str) -> Result<Option<Endpoint>, Failure> {
        let context = self.get(name)?;
        if context.host().is_empty() {
            return Ok(None);
        }
        let endpoint = Endpoint::parse(context.host())?;
        let folder = self.tls_folder(name).join(DOCKER);
        let file = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        let (ca, cert, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
        let skip_verify = context.skips_verification();
        if ca.is_none() && cert.is_none() && !skip_verify {
            return Ok(Some(endpoint));
        }
        Ok(Some(endpoint.with_tls(Tls {
            ca,
            identity: cert.zip(key),
            skip_verify,
        })))
    }
}

fn digest(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn make_folder(path: &Path, mode: u32) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

/// Writes beside and renames over: a reader sees the old or the new content.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let write = || {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&beside)?;
        file.write_all(content)?;
        fs::rename(&beside, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&beside);
        Failure::new(format!("{}: {e}", path.display()))
    })
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Failure::new(format!("{}: {e}", folder.display())))
        }
        _ => Ok(()),
    }
}

/// Docker's rule for names of contexts.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    if name.is_empty() {
        return Err(Failure::new("context name cannot be empty"));
    }
    if name == super::DEFAULT {
        return Err(Failure::new("\"default\" is a reserved context name"));
    }
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'+' | b'-'));
    if first && rest && name.len() > 1 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "context name {name:?} is invalid, names are validated against regexp \"^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$\""
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_as_docker_names_them() {
        let store = Store::at("/c".into());
        // `docker context create test` makes this folder.
        assert_eq!(
            store.meta_folder("test"),
            Path::new("/c/meta/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
        );
    }

    #[test]
    fn a_context_is_written_read_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().join("contexts"));
        let mut context = Context::new("far");
        context.describe("over there");
        context.set_endpoint("tcp://1.2.3.4", false);
        store.put(&context).unwrap();
        let tls = [("ca.pem".to_owned(), b"CA".to_vec())];
        store.put_tls("far", &tls).unwrap();
        assert_eq!(store.all().len(), 1);
        assert_eq!(store.get("far").unwrap().description(), "over there");
        assert_eq!(store.tls_files("far"), tls);
        let endpoint = store.endpoint("far").unwrap().unwrap();
        assert_eq!(endpoint.to_string(), "tcp://1.2.3.4:2376");
        store.remove("far").unwrap();
        assert!(!store.has("far"));
    }

    #[test]
    fn names_follow_dockers_rule() {
        assert!(check_name("a.b+c-1").is_ok());
        for bad in ["", "default", "a", "-a", "a/b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
