//! The differences that are meant: `tests/build/differences.txt`.
//!
//! A line is `CASE | CLIENT | LINE`, with `*` for any text; the comment lines above it say why.

use std::fs;

use anyhow::{Result, bail};

use crate::glob::fits;

/// The list, and which of its entries were needed.
#[derive(Debug)]
pub struct Listed {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    line: String,
    parts: [String; 3],
    used: bool,
}

impl Listed {
    /// A list without entries.
    pub fn none() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Reads the list; every group of entries must have its reason above it.
    pub fn read() -> Result<Self> {
        let text = fs::read_to_string(super::folder().join("differences.txt"))?;
        let mut entries = Vec::new();
        let mut explained = false;
        for line in text.lines() {
            if line.trim().is_empty() {
                explained = false;
            } else if line.starts_with('#') {
                explained = true;
            } else {
                entries.push(entry(line, explained)?);
            }
        }
        Ok(Self { entries })
    }

    pub(super) fn covers(&mut self, case: &str, client: &str, line: &str) -> bool {
        let mut covered = false;
        for entry in &mut self.entries {
            let [cases, clients, lines] = &entry.parts;
            if fits(cases, case) && fits(clients, client) && fits(lines, line) {
                entry.used = true;
                covered = true;
            }
        }
        covered
    }

    /// Entries for these clients that no difference needed, though every case was built.
    pub fn unused(&self, clients: &[&str]) -> Vec<&str> {
        let unused = self.entries.iter().filter(|entry| !entry.used);
        unused
            .filter(|entry| clients.iter().any(|client| fits(&entry.parts[1], client)))
            .map(|entry| entry.line.as_str())
            .collect()
    }
}

fn entry(line: &str, explained: bool) -> Result<Entry> {
    let parts: Vec<String> = line
        .splitn(3, " | ")
        .map(|part| part.trim().to_owned())
        .collect();
    let Ok(parts) = <[String; 3]>::try_from(parts) else {
        bail!("{line:?}: CASE | CLIENT | LINE");
    };
    if !explained {
        bail!("{line:?} has no reason above it");
    }
    Ok(Entry {
        line: line.to_owned(),
        parts,
        used: false,
    })
}
