//! Help texts: every command of real Docker with its options, word for word.
//!
//! `help/docker.txt` has what the stock command line says (`cargo xtask compat --help-texts` writes
//! it down). A page is compared item by item, an item being an option, a command of a group or a
//! line, with its wrapped lines put together: how wide a column is does not count. What is meant to
//! differ is in `help/differences.txt`, below a line with the reason.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use crate::glob::fits;

/// The help of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// `container run`; empty for the program itself.
    pub command: String,
    /// What it prints.
    pub text: String,
}

/// Where a user's files are when help is asked for: it is part of a default.
pub const HOME: &str = "/nonexistent";

const MARK: &str = "#### ";

/// Asks a program for the help of all its commands, and of `more`, which it may have without
/// listing them; `None` is the answer to a command that is not there. Plugins, which stand in the
/// list with a `*`, are other programs.
pub fn walk(ask: &dyn Fn(&[&str]) -> Result<Option<String>>, more: &[Page]) -> Result<Vec<Page>> {
    let mut pages: Vec<Page> = Vec::new();
    let mut left: Vec<String> = more.iter().map(|page| page.command.clone()).collect();
    left.push(String::new());
    while let Some(command) = left.pop() {
        if pages.iter().any(|page| page.command == command) {
            continue;
        }
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.push("--help");
        let Some(text) = ask(&words).with_context(|| words.join(" "))? else {
            continue;
        };
        let verbs = commands_of(&text);
        left.extend(verbs.map(|verb| format!("{command} {verb}").trim().to_owned()));
        pages.push(Page { command, text });
    }
    pages.sort_by(|a, b| a.command.cmp(&b.command));
    Ok(pages)
}

/// The commands that a page lists.
fn commands_of(text: &str) -> impl Iterator<Item = &str> {
    let mut listing = false;
    text.lines().filter_map(move |line| {
        if !line.starts_with(' ') {
            listing = line.to_lowercase().ends_with("commands:");
        }
        let name = line.strip_prefix("  ")?.split_whitespace().next()?;
        (listing && !name.ends_with('*')).then_some(name)
    })
}

fn folder() -> std::path::PathBuf {
    crate::folder().join("help")
}

/// Real Docker's pages.
pub fn golden() -> Result<Vec<Page>> {
    let text = fs::read_to_string(folder().join("docker.txt"))?;
    let pages = text.split(MARK).skip(1).map(|page| {
        let (command, text) = page.split_once('\n').unwrap_or((page, ""));
        Page {
            command: command.trim().to_owned(),
            text: text.to_owned(),
        }
    });
    Ok(pages.collect())
}

/// Writes real Docker's pages down.
pub fn write(pages: &[Page]) -> Result<()> {
    let mut text = String::new();
    for page in pages {
        let _ = writeln!(text, "{MARK}{}\n{}", page.command, page.text.trim_end());
    }
    Ok(fs::write(folder().join("docker.txt"), text)?)
}

/// What differs and is not listed, and what is listed and does not differ.
pub fn verdict(golden: &[Page], ours: &[Page]) -> Result<Vec<String>> {
    let listed = fs::read_to_string(folder().join("differences.txt"))?;
    let entries = listed
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let mut listed: Vec<(&str, bool)> = entries.map(|line| (line, false)).collect();
    let mut left = Vec::new();
    for difference in differences(golden, ours) {
        let mut covered = false;
        for (pattern, used) in &mut listed {
            if fits(pattern, &difference) {
                (*used, covered) = (true, true);
            }
        }
        if !covered {
            left.push(difference);
        }
    }
    let unused = listed.iter().filter(|(_, used)| !used);
    left.extend(unused.map(|(line, _)| format!("listed, but does not differ: {line}")));
    Ok(left)
}

/// `COMMAND | - item` for what only Docker has, `COMMAND | + item` for what only we have.
fn differences(golden: &[Page], ours: &[Page]) -> Vec<String> {
    let mut found = Vec::new();
    let find = |pages: &[Page], command: &str| {
        let page = pages.iter().find(|page| page.command == command);
        page.map(|page| items(&page.text))
    };
    for page in golden {
        let theirs = items(&page.text);
        match find(ours, &page.command) {
            None => found.push(format!("{} | - the command", page.command)),
            Some(ours) => {
                found.extend(only(&page.command, '-', &theirs, &ours));
                found.extend(only(&page.command, '+', &ours, &theirs));
            }
        }
    }
    let more = ours.iter().filter(|p| find(golden, &p.command).is_none());
    found.extend(more.map(|page| format!("{} | + the command", page.command)));
    found
}

fn only<'a>(
    command: &'a str,
    sign: char,
    these: &'a [String],
    those: &'a [String],
) -> impl Iterator<Item = String> + 'a {
    these
        .iter()
        .filter(|item| !those.contains(item))
        .map(move |item| format!("{command} | {sign} {item}"))
}

/// The items of a page, each on one line with single spaces.
fn items(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in text.lines() {
        let plain = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let indent = line.len() - line.trim_start().len();
        // Options begin at most six columns in; what is further in goes on with the one before.
        match items.last_mut() {
            Some(last) if indent > 6 && last.starts_with('-') => {
                let _ = write!(last, " {plain}");
            }
            _ if plain.is_empty() => {}
            // A plugin, which the machine has or has not.
            _ if plain
                .split(' ')
                .next()
                .is_some_and(|name| name.ends_with('*')) => {}
            _ => items.push(plain),
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Usage:  docker x\n\nManagement Commands:\n  run         Run it\n  plug*       Other\n\
        \nOptions:\n  -a, --all             All of\n                        them\n      --deep int        How\n";

    #[test]
    fn items_are_whole_and_columns_do_not_count() {
        assert_eq!(
            items(PAGE),
            [
                "Usage: docker x",
                "Management Commands:",
                "run Run it",
                "Options:",
                "-a, --all All of them",
                "--deep int How"
            ]
        );
        assert_eq!(commands_of(PAGE).collect::<Vec<_>>(), ["run"]);
    }

    #[test]
    fn both_sides_are_told() {
        let page = |command: &str, text: &str| Page {
            command: command.to_owned(),
            text: text.to_owned(),
        };
        let golden = [page("a", "one\ntwo"), page("b", "")];
        let ours = [page("a", "two\nthree"), page("c", "")];
        assert_eq!(
            differences(&golden, &ours),
            [
                "a | - one",
                "a | + three",
                "b | - the command",
                "c | + the command"
            ]
        );
    }
}
