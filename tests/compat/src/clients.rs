//! Suites of real clients: `tests/clients/*`, scripts that fail when the daemon is not as they expect.
//!
//! A script is run in its daemon's namespaces with `DOCKER_HOST` set, an empty folder `$WORK`, and
//! `$CLIENTS`, where `tests/clients/install` has put what distributions do not have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// One client's suite.
#[derive(Debug)]
pub struct Suite {
    /// The file's name without its end.
    pub name: String,
    path: PathBuf,
}

/// Where the suites are.
pub fn folder() -> PathBuf {
    crate::folder().join("../clients")
}

/// Where clients are installed: `$GANTRY_CACHE/clients`.
pub fn installed() -> PathBuf {
    let cache = std::env::var_os("GANTRY_CACHE").unwrap_or_else(|| "/var/cache/gantry-dev".into());
    PathBuf::from(cache).join("clients")
}

/// All suites, by name.
pub fn all() -> Result<Vec<Suite>> {
    let mut suites = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|e| ["sh", "py", "js"].iter().any(|known| e == *known))
        {
            let name = path.file_stem().unwrap_or_default();
            suites.push(Suite {
                name: name.to_string_lossy().into_owned(),
                path: path.clone(),
            });
        }
    }
    suites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(suites)
}

impl Suite {
    /// The suite of this name.
    pub fn named(name: &str) -> Result<Self> {
        all()?
            .into_iter()
            .find(|suite| suite.name == name)
            .ok_or_else(|| anyhow::anyhow!("no suite {name} in {}", folder().display()))
    }

    /// The words that run it.
    pub fn command(&self) -> Vec<String> {
        let python = installed().join("python/bin/python3").display().to_string();
        let program: &[&str] = match self.path.extension().and_then(|e| e.to_str()) {
            Some("py") => &[&python],
            Some("js") => &["node"],
            _ => &["bash", "-eu"],
        };
        let mut words: Vec<String> = program.iter().map(|&w| w.to_owned()).collect();
        words.push(self.path.display().to_string());
        words
    }

    /// The environment that it needs besides the usual one.
    pub fn environment(&self, socket: &Path, work: &Path) -> Vec<(&'static str, String)> {
        let clients = installed();
        vec![
            ("DOCKER_HOST", format!("unix://{}", socket.display())),
            (
                "DOCKER_CONFIG",
                work.join("docker-config").display().to_string(),
            ),
            ("HOME", work.display().to_string()),
            ("WORK", work.display().to_string()),
            ("SOCKET", socket.display().to_string()),
            (
                "NODE_PATH",
                clients.join("node/node_modules").display().to_string(),
            ),
            ("CLIENTS", clients.display().to_string()),
            (
                "TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE",
                socket.display().to_string(),
            ),
        ]
    }
}
