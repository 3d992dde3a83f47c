//! Help texts, laid out as Docker lays them out.

use std::fmt::Write as _;

use rustix::termios::tcgetwinsize;

use crate::command::{Entry, Group};
use crate::flags::{Flag, FlagSet, described};
use crate::globals::Globals;
use crate::plugins;
use crate::program::Program;
use crate::session::Session;

/// The first line: `Usage:  gantry run [OPTIONS] IMAGE [COMMAND] [ARG...]`.
pub(crate) fn line(program: Program, path: &str, arguments: &str) -> String {
    let first = format!("Usage:  {} {path}", program.name);
    let mut lines = Vec::new();
    for arguments in arguments.lines() {
        lines.push(if lines.is_empty() {
            format!("{first} {arguments}").trim_end().to_owned()
        } else {
            format!("\t{} {path} {arguments}", program.name)
        });
    }
    if lines.is_empty() {
        first
    } else {
        lines.join("\n")
    }
}

/// The help of a command.
pub(crate) fn command(program: Program, path: &str, entry: &Entry) -> String {
    let mut text = line(program, path, entry.usage);
    text.push_str("\n\n");
    text.push_str(&entry.long.replace("Docker", program.proper));
    if entry.paths.len() > 1 {
        let paths: Vec<String> = entry
            .paths
            .iter()
            .map(|path| format!("{} {path}", program.name))
            .collect();
        let _ = write!(text, "\n\nAliases:\n  {}", paths.join(", "));
    }
    let flags = (entry.flags)();
    if flags.iter().any(|flag| !flag.help.is_empty()) {
        text.push_str("\n\nOptions:\n");
        text.push_str(&options(flags, entry.has_help_of_its_own, program));
    }
    text.trim_end().to_owned() + "\n"
}

/// The help of a group of commands.
pub(crate) fn group(program: Program, group: &Group) -> String {
    let name = group.name;
    let mut text = format!("Usage:  {} {name} COMMAND\n\n", program.name);
    text.push_str(&group.about.replace("Docker", program.proper));
    text.push_str("\n\nCommands:\n");
    let mut verbs: Vec<(&str, &str)> = crate::commands::entries()
        .filter_map(|entry| {
            let verb = entry.paths.iter().find_map(|path| {
                let verb = path.strip_prefix(name)?.strip_prefix(' ')?;
                (!verb.contains(' ')).then_some(verb)
            })?;
            Some((verb, entry.about))
        })
        .collect();
    let inner = crate::commands::inner_groups(name);
    verbs.extend(inner.map(|(verb, group)| (verb, group.about)));
    verbs.sort_unstable();
    text.push_str(&table(&verbs, program));
    let _ = write!(
        text,
        "\nRun '{} {name} COMMAND --help' for more information on a command.\n",
        program.name
    );
    text
}

/// The help of the program.
pub(crate) fn root(session: &Session) -> String {
    let program = session.program;
    const COMMON: &[&str] = &[
        "run", "exec", "ps", "build", "bake", "pull", "push", "images", "login", "logout",
        "search", "version", "info",
    ];
    let top: Vec<(&str, &str)> = crate::commands::entries()
        .flat_map(|entry| {
            entry
                .paths
                .iter()
                .filter(|path| !path.contains(' '))
                .map(move |path| (*path, entry.about))
        })
        .collect();
    let common: Vec<(&str, &str)> = COMMON
        .iter()
        .filter_map(|name| top.iter().find(|(known, _)| known == name).copied())
        .collect();
    let mut others: Vec<(&str, &str)> = top
        .into_iter()
        .filter(|(name, _)| !COMMON.contains(name))
        .collect();
    if program == Program::GANTRY {
        others.push(("daemon", "Run the daemon in the foreground, or stop it"));
    }
    others.sort_unstable();
    let plugins: Vec<(String, String)> = plugins::described(plugins::all(session.config()))
        .into_iter()
        .map(|(plugin, about)| (format!("{}*", plugin.name), about.short_description))
        .collect();
    let mut groups: Vec<(&str, &str)> = crate::commands::GROUPS
        .iter()
        .map(|group| (group.name, group.about))
        .collect();
    groups.extend(
        plugins
            .iter()
            .map(|(name, about)| (name.as_str(), about.as_str())),
    );
    groups.sort_unstable();
    let swarm: Vec<(&str, &str)> = crate::commands::SWARM_GROUPS
        .iter()
        // As Docker: the others have nothing to show outside of a swarm.
        .filter(|group| group.name == "swarm")
        .map(|group| (group.name, group.about))
        .collect();
    let mut text = format!("Usage:  {} [OPTIONS] COMMAND\n\n", program.name);
    text.push_str("A self-sufficient runtime for containers\n");
    for (title, rows) in [
        ("Common Commands", common),
        ("Management Commands", groups),
        ("Swarm Commands", swarm),
        ("Commands", others),
    ] {
        let _ = write!(text, "\n{title}:\n{}", table(&rows, program));
    }
    text.push_str("\nGlobal Options:\n");
    text.push_str(&options(globals(session), false, program));
    let _ = write!(
        text,
        "\nRun '{} COMMAND --help' for more information on a command.\n",
        program.name
    );
    text
}

/// The global options; where files are by default depends on who asks.
fn globals(session: &Session) -> Vec<Flag> {
    let folder = session.config().directory();
    let mut flags = Globals::flags();
    for flag in &mut flags {
        let file = match flag.long {
            "config" => "",
            "tlscacert" => "ca.pem",
            "tlscert" => "cert.pem",
            "tlskey" => "key.pem",
            _ => continue,
        };
        let path = if file.is_empty() {
            folder.to_owned()
        } else {
            folder.join(file)
        };
        // Help is the last thing that the program does.
        flag.default = Some(String::leak(format!("\"{}\"", path.display())));
    }
    flags
}

fn table(rows: &[(&str, &str)], program: Program) -> String {
    let width = rows
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0)
        .max(11);
    rows.iter()
        .map(|(name, about)| {
            format!(
                "  {name:width$} {}\n",
                about.replace("Docker", program.proper)
            )
        })
        .collect()
}

/// The options, sorted by name, in the width of the terminal or 80 columns.
fn options(mut flags: Vec<Flag>, with_help: bool, program: Program) -> String {
    let width = tcgetwinsize(std::io::stdin())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
        .unwrap_or(80);
    flags.retain(|flag| !flag.help.is_empty());
    if with_help {
        flags.push(HELP);
    }
    flags.sort_unstable_by_key(|flag| flag.long);
    let left: Vec<String> = flags.iter().map(names).collect();
    let column = left.iter().map(String::len).max().unwrap_or(0) + 3;
    let mut text = String::new();
    for (flag, names) in flags.iter().zip(left) {
        let mut help = described(flag).replace("Docker", program.proper);
        if let Some(default) = flag.default {
            let _ = write!(help, " (default {default})");
        }
        let _ = writeln!(text, "{names:column$}{}", wrap(&help, column, width - 1));
    }
    text
}

/// Shown only where `-h` means something else.
const HELP: Flag = Flag {
    long: "help",
    short: None,
    aliases: &[],
    help: &["Print usage"],
    type_name: "",
    takes_value: false,
    default: None,
};

fn names(flag: &Flag) -> String {
    let short = flag
        .short
        .map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    let space = if flag.type_name.is_empty() { "" } else { " " };
    format!("  {short}--{}{space}{}", flag.long, flag.type_name)
}

/// Breaks a text as pflag does: lines of the width that is left, with a little slack so that no
/// short word stands alone.
fn wrap(text: &str, indent: usize, width: usize) -> String {
    const SLOP: usize = 5;
    let (indent, mut out) = if width.saturating_sub(indent) < 24 {
        (16, format!("\n{}", " ".repeat(16)))
    } else {
        (indent, String::new())
    };
    let room = width.saturating_sub(indent);
    let margin = format!("\n{}", " ".repeat(indent));
    if room < 24 {
        return text.replace('\n', &margin);
    }
    let mut rest = text;
    let mut first = true;
    while first || !rest.is_empty() {
        let (piece, after) = cut(rest, room - SLOP, SLOP);
        if !first {
            out.push_str(&margin);
        }
        out.push_str(&piece.replace('\n', &margin));
        rest = after;
        first = false;
    }
    out
}

fn cut(text: &str, room: usize, slop: usize) -> (&str, &str) {
    if room + slop > text.len() {
        return (text, "");
    }
    let mut end = room;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = &text[..end];
    match (head.rfind([' ', '\t', '\n']), head.rfind('\n')) {
        (None | Some(0), _) => (text, ""),
        (Some(space), Some(line)) if line > 0 && line < space => (&text[..line], &text[line + 1..]),
        (Some(space), _) => (&text[..space], &text[space + 1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_help_is_broken_where_pflag_breaks_it() {
        let help = "Only display what is of interest to the reader of this text, and nothing else";
        assert_eq!(
            wrap(help, 24, 79),
            "Only display what is of interest to the reader of\n                        this text, and nothing else"
        );
    }
}
