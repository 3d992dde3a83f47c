//! The differences that are meant: `differences.txt`.
//!
//! A line is `NAME | REQUEST | VERSIONS | PATH`, with `*` for any text; VERSIONS is a list or `*`.
//! NAME is a heading of docs/compatibility.md, which gives the reason.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use crate::glob::fits;

/// The list, and which of its entries were needed.
#[derive(Debug)]
pub struct Listed {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    line: String,
    name: String,
    request: String,
    versions: String,
    path: String,
    used: bool,
}

impl Listed {
    /// A list without entries.
    pub fn none() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Reads the list.
    pub fn read() -> Result<Self> {
        let text = fs::read_to_string(crate::folder().join("differences.txt"))?;
        let lines = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let entries = lines.map(entry).collect::<Result<_>>()?;
        Ok(Self { entries })
    }

    /// The names that docs/compatibility.md must explain.
    pub fn names(&self) -> BTreeSet<&str> {
        self.entries.iter().map(|e| e.name.as_str()).collect()
    }

    pub(crate) fn covers(&mut self, request: &str, version: &str, path: &str) -> bool {
        let mut covered = false;
        for entry in &mut self.entries {
            if fits(&entry.request, request)
                && (entry.versions == "*" || entry.versions.split(',').any(|v| v.trim() == version))
                && fits(&entry.path, path)
            {
                entry.used = true;
                covered = true;
            }
        }
        covered
    }

    /// Entries that no difference needed, though every play was played.
    pub fn unused(&self) -> Vec<&str> {
        // Which of two comes first may be chance, and then sometimes the same.
        let steady = |e: &&Entry| !e.path.contains("].order");
        let unused = self.entries.iter().filter(|e| !e.used).filter(steady);
        unused.map(|e| e.line.as_str()).collect()
    }
}

fn entry(line: &str) -> Result<Entry> {
    let mut parts = line.split(" | ").map(|part| part.trim().to_owned());
    let mut next = || {
        parts
            .next()
            .with_context(|| format!("{line:?}: NAME | REQUEST | VERSIONS | PATH"))
    };
    Ok(Entry {
        line: line.to_owned(),
        name: next()?,
        request: next()?,
        versions: next()?,
        path: next()?,
        used: false,
    })
}
