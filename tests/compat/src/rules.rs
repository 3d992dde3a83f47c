//! What of an answer depends on the machine or on chance: `rules.txt`.
//!
//! A line is `KIND | REQUEST | PATH`, with `*` for any text. KIND is `loose` (only the type and
//! whether it is empty counts), `unordered` (an array whose order means nothing) or `drop`.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::glob::fits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Loose,
    Unordered,
    Drop,
}

/// The rules.
#[derive(Debug)]
pub(crate) struct Rules(Vec<(Kind, String, String)>);

impl Rules {
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read_to_string(crate::folder().join("rules.txt"))?;
        let lines = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        lines.map(rule).collect::<Result<_>>().map(Self)
    }

    pub(crate) fn say(&self, kind: Kind, request: &str, path: &str) -> bool {
        self.0
            .iter()
            .any(|(k, r, p)| *k == kind && fits(r, request) && fits(p, path))
    }
}

fn rule(line: &str) -> Result<(Kind, String, String)> {
    let mut parts = line.split(" | ").map(str::trim);
    let mut next = || {
        parts
            .next()
            .with_context(|| format!("{line:?}: KIND | REQUEST | PATH"))
    };
    let kind = match next()? {
        "loose" => Kind::Loose,
        "unordered" => Kind::Unordered,
        "drop" => Kind::Drop,
        other => bail!("{other} is no kind of rule"),
    };
    Ok((kind, next()?.to_owned(), next()?.to_owned()))
}
