//! What was found, as text, and how two of them differ.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::glob::fits;

/// Row (who by which protocol to which form) → column (which address of the target) → whom the
/// server saw, or why not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table(BTreeMap<String, BTreeMap<String, String>>);

impl Table {
    pub(super) fn put(&mut self, row: &str, column: &str, found: &str) {
        let row = self.0.entry(row.to_owned()).or_default();
        row.insert(column.to_owned(), found.to_owned());
    }

    /// What real Docker gave.
    pub fn golden(scene: &str) -> Result<Self> {
        let path = path(scene);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut table = Self::default();
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            let (row, cells) = line.split_once(" : ").context("ROW : COLUMN=FOUND, ...")?;
            for cell in cells.split(", ") {
                let (column, found) = cell.split_once('=').context("COLUMN=FOUND")?;
                table.put(row.trim(), column, found);
            }
        }
        Ok(table)
    }

    /// Writes it down as what real Docker gives.
    pub fn write(&self, scene: &str) -> Result<()> {
        Ok(fs::write(path(scene), self.to_string())?)
    }

    /// Where two tables differ: `row : column`, theirs, ours.
    fn differing(&self, ours: &Self) -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        let mut rows: Vec<&String> = self.0.keys().chain(ours.0.keys()).collect();
        rows.sort();
        rows.dedup();
        for row in rows {
            let (a, b) = (self.row(row), ours.row(row));
            let mut columns: Vec<&String> = a.keys().chain(b.keys()).collect();
            columns.sort();
            columns.dedup();
            for column in columns {
                let text = |row: &BTreeMap<String, String>| {
                    row.get(column).cloned().unwrap_or_else(|| "-".to_owned())
                };
                if text(&a) != text(&b) {
                    all.push((format!("{row} : {column}"), text(&a), text(&b)));
                }
            }
        }
        all
    }

    fn row(&self, row: &str) -> BTreeMap<String, String> {
        self.0.get(row).cloned().unwrap_or_default()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# WHO | PROTOCOL | PUBLISHED AS : ADDRESS OF THE TARGET=WHOM THE SERVER SAW"
        )?;
        let width = self.0.keys().map(String::len).max().unwrap_or(0);
        for (row, cells) in &self.0 {
            let cells: Vec<String> = cells
                .iter()
                .map(|(c, found)| format!("{c}={found}"))
                .collect();
            writeln!(f, "{row:width$} : {}", cells.join(", "))?;
        }
        Ok(())
    }
}

fn path(scene: &str) -> PathBuf {
    crate::folder().join("matrix").join(format!("{scene}.txt"))
}

/// The differences that are meant: `NAME | SCENE | ROW : COLUMN | DOCKER'S | OURS` with `*` for
/// any text, separated by ` || `.
#[derive(Debug)]
pub struct Differences(Vec<[String; 5]>);

impl Differences {
    /// Reads the list.
    pub fn read() -> Result<Self> {
        let text = fs::read_to_string(crate::folder().join("matrix/differences.txt"))?;
        let lines = text
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'));
        let entries = lines.map(|line| {
            let parts: Vec<String> = line.split("||").map(|p| p.trim().to_owned()).collect();
            parts.try_into().ok().with_context(|| format!("{line:?}"))
        });
        Ok(Self(entries.collect::<Result<_>>()?))
    }

    /// A list without entries.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The names that docs/compatibility.md must explain.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|entry| entry[0].as_str()).collect()
    }

    /// What differs and is not listed.
    pub fn left(&self, scene: &str, golden: &Table, ours: &Table) -> Vec<String> {
        let listed = |cell: &str, a: &str, b: &str| {
            self.0.iter().any(|[_, of, which, theirs, own]| {
                fits(of, scene) && fits(which, cell) && fits(theirs, a) && fits(own, b)
            })
        };
        let all = golden.differing(ours);
        let left = all.into_iter().filter(|(cell, a, b)| !listed(cell, a, b));
        left.map(|(cell, a, b)| format!("{scene}: {cell}: Docker {a:?}, here {b:?}"))
            .collect()
    }
}
