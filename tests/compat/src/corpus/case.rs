//! One build: a folder with a Dockerfile, its context, and how to build it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Files of a case that are no part of its context.
const OWN: [&str; 3] = ["case", "prepare.sh", "golden"];

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    folder: PathBuf,
}

impl Case {
    /// All cases, by name.
    pub fn all() -> Result<Vec<Self>> {
        let mut cases = Vec::new();
        for entry in fs::read_dir(super::folder())? {
            let entry = entry?;
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if entry.file_type()?.is_dir() && !hidden {
                cases.push(Self {
                    name: entry.file_name().to_string_lossy().into_owned(),
                    folder: entry.path(),
                });
            }
        }
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(cases)
    }

    /// What is typed behind `build -t NAME`, as a shell reads it, in the context's folder.
    pub fn options(&self) -> Result<String> {
        let line = self.line("options: ")?;
        Ok(line.unwrap_or_else(|| ".".to_owned()))
    }

    /// Whether the build must fail.
    pub fn fails(&self) -> Result<bool> {
        Ok(self.line("fails")?.is_some())
    }

    /// Whether what the command line shows is compared, not the image.
    pub fn is_shown(&self) -> Result<bool> {
        Ok(self.line("shown")?.is_some())
    }

    /// Whether Docker's BuildKit is too old for it: `newer: REASON`. What must come out is written by hand then.
    pub fn is_newer(&self) -> Result<bool> {
        Ok(self.line("newer: ")?.is_some())
    }

    /// Clients that cannot ask for this, with the reason: `without classic: REASON`.
    pub fn is_for(&self, client: &str) -> Result<bool> {
        Ok(self.line(&format!("without {client}: "))?.is_none())
    }

    fn line(&self, prefix: &str) -> Result<Option<String>> {
        let path = self.folder.join("case");
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text
            .lines()
            .find_map(|line| line.strip_prefix(prefix))
            .map(str::to_owned))
    }

    /// Where real Docker's result is.
    pub fn golden_path(&self) -> PathBuf {
        self.folder.join("golden")
    }

    /// Real Docker's result.
    pub fn golden(&self) -> Result<String> {
        let path = self.golden_path();
        fs::read_to_string(&path).with_context(|| {
            format!(
                "{}: cargo xtask compat --build --record {}",
                path.display(),
                self.name
            )
        })
    }

    /// Makes the context: a copy with plain modes and one date, then what `prepare.sh` adds that a repository cannot hold.
    pub fn prepare(&self, to: &Path) -> Result<()> {
        let mut command = Command::new("bash");
        command
            .args(["-euc", PREPARE, "prepare"])
            .args(OWN)
            .env("FROM", fs::canonicalize(&self.folder)?)
            .env("TO", to);
        let output = command.output().context("bash is needed")?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            bail!("cannot prepare {}: {told}", self.name);
        }
        Ok(())
    }
}

const PREPARE: &str = r#"
rm -rf "$TO"; cp -r "$FROM" "$TO"; cd "$TO"
for own in "$@"; do rm -f "$own"; done
chmod -R u=rwX,go=rX .
[ ! -e "$FROM/prepare.sh" ] || (umask 022; . "$FROM/prepare.sh")
find . -depth -exec touch -hcd @1500000000 {} +
"#;
