//! What may stand where the cursor is.

use super::objects::{Candidate, names};
use crate::command::Entry;
use crate::commands::{entries, groups, inner_group, inner_groups};
use crate::failure::Failure;
use crate::flags::{Flag, FlagSet as _, described};
use crate::globals::Globals;
use crate::plugins;
use crate::session::Session;

/// Directives, as cobra numbers them: no space behind the word, no files in its place.
const NO_SPACE: u8 = 2;
const NO_FILES: u8 = 4;

/// What is printed.
struct Answer {
    candidates: Vec<Candidate>,
    directive: u8,
}

impl Answer {
    fn of(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            directive: NO_FILES,
        }
    }

    /// The shell completes file names.
    fn files() -> Self {
        Self {
            candidates: Vec::new(),
            directive: 0,
        }
    }
}

/// Prints what may stand in place of the last word; `words` are those behind the program's name.
pub(crate) fn complete(session: &Session, words: &[String]) -> Result<(), Failure> {
    let (before, current) = match words.split_last() {
        Some((current, before)) => (before, current.as_str()),
        None => (words, ""),
    };
    let (globals, rest) = split_globals(before);
    // The value of an option in front of the command.
    if let Some(flag) = globals
        .last()
        .and_then(|word| wants_value(&Globals::flags(), word))
        && rest.is_empty()
    {
        print(value(session, flag.long), current);
        return Ok(());
    }
    let answer = match rest.split_first() {
        None if current.starts_with('-') => flags(&Globals::flags()),
        None => Answer::of(first_words(session)),
        Some((first, _)) if is_plugin(session, first) => return ask_plugin(session, first, words),
        Some((first, rest)) => in_command(session, first, rest, current),
    };
    print(answer, current);
    Ok(())
}

fn print(answer: Answer, current: &str) {
    let mut text = String::new();
    let mut candidates = answer.candidates;
    candidates.retain(|(name, _)| name.starts_with(current));
    candidates.sort();
    candidates.dedup();
    for (name, about) in candidates {
        text.push_str(&name);
        if !about.is_empty() {
            text.push('\t');
            text.push_str(about.lines().next().unwrap_or_default());
        }
        text.push('\n');
    }
    crate::output::print(format!("{text}:{}\n", answer.directive));
}

/// Options in front of the command, with their values; and the rest.
fn split_globals(words: &[String]) -> (&[String], &[String]) {
    let known = Globals::flags();
    let mut at = 0;
    while at < words.len() && words[at].starts_with('-') {
        at += if wants_value(&known, &words[at]).is_some() {
            2
        } else {
            1
        };
    }
    words.split_at(at.min(words.len()))
}

/// The option that a word names, if its value is the next word.
fn wants_value(flags: &[Flag], word: &str) -> Option<Flag> {
    let flag = if let Some(long) = word.strip_prefix("--") {
        flags
            .iter()
            .find(|flag| flag.long == long || flag.aliases.contains(&long))
    } else {
        let letter = word.strip_prefix('-')?.chars().last()?;
        flags.iter().find(|flag| flag.short == Some(letter))
    };
    flag.filter(|flag| flag.takes_value).copied()
}

fn first_words(session: &Session) -> Vec<Candidate> {
    let mut words: Vec<Candidate> = groups()
        .map(|group| (group.name.to_owned(), group.about.to_owned()))
        .collect();
    for entry in entries() {
        for path in entry.paths.iter().filter(|path| !path.contains(' ')) {
            words.push(((*path).to_owned(), entry.about.to_owned()));
        }
    }
    words.push((
        "daemon".to_owned(),
        "Run the daemon in the foreground, or stop it".to_owned(),
    ));
    words.push(("help".to_owned(), "Help about any command".to_owned()));
    let plugins = plugins::all(session.config());
    words.extend(
        plugins
            .into_iter()
            .map(|plugin| (plugin.name, String::new())),
    );
    words
}

fn is_plugin(session: &Session, first: &str) -> bool {
    find(first).is_none()
        && !groups().any(|group| group.name == first)
        && plugins::find(session.config(), first).is_some()
}

/// Plugins are made with the same library as Docker's command line and speak its protocol.
fn ask_plugin(session: &Session, name: &str, words: &[String]) -> Result<(), Failure> {
    let Some(plugin) = plugins::find(session.config(), name) else {
        return Ok(());
    };
    let mut all = vec![super::COMMAND.to_owned()];
    all.extend(words.iter().cloned());
    Err(plugins::become_plugin(session, &plugin, &all))
}

fn find(path: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.paths.contains(&path))
}

fn in_command(session: &Session, first: &str, rest: &[String], current: &str) -> Answer {
    let is_group = groups().any(|group| group.name == first);
    let (path, rest) = match (is_group, rest.split_first()) {
        (true, None) => return Answer::of(verbs(first)),
        (true, Some((verb, rest))) => {
            let path = format!("{first} {verb}");
            match (inner_group(&path), rest.split_first()) {
                (Some(_), None) => return Answer::of(verbs(&path)),
                (Some(_), Some((verb, rest))) => (format!("{path} {verb}"), rest),
                (None, _) => (path, rest),
            }
        }
        (false, _) => (first.to_owned(), rest),
    };
    let Some(entry) = find(&path) else {
        return Answer::files();
    };
    let known = (entry.flags)();
    if let Some(flag) = rest.last().and_then(|word| wants_value(&known, word)) {
        return value(session, flag.long);
    }
    let given = words_given(&known, rest);
    if current.starts_with('-') && given.is_none_or(|count| !ends_options(entry, count)) {
        return flags(&known);
    }
    match given {
        Some(count) => positional(session, entry, &path, count),
        None => Answer::files(),
    }
}

/// Whether what follows belongs to the program in the container.
fn ends_options(entry: &Entry, words: usize) -> bool {
    entry.usage.contains("[ARG...]") && words > 0
}

/// How many words that are no options were given; `None` behind `--`.
fn words_given(known: &[Flag], words: &[String]) -> Option<usize> {
    let (mut count, mut words) = (0, words.iter());
    while let Some(word) = words.next() {
        if word == "--" {
            return None;
        }
        if word.len() > 1 && word.starts_with('-') {
            if wants_value(known, word).is_some() {
                words.next();
            }
        } else {
            count += 1;
        }
    }
    Some(count)
}

fn verbs(group: &str) -> Vec<Candidate> {
    let inner = inner_groups(group).map(|(verb, group)| (verb.to_owned(), group.about.to_owned()));
    entries()
        .filter_map(|entry| {
            let verb = entry
                .paths
                .iter()
                .filter_map(|path| path.strip_prefix(group)?.strip_prefix(' '))
                .find(|verb| !verb.contains(' '))?;
            Some((verb.to_owned(), entry.about.to_owned()))
        })
        .chain(inner)
        .collect()
}

fn flags(known: &[Flag]) -> Answer {
    let mut candidates: Vec<Candidate> = known
        .iter()
        .filter(|flag| !flag.help.is_empty())
        .map(|flag| (format!("--{}", flag.long), described(flag)))
        .collect();
    candidates.push(("--help".to_owned(), "Print usage".to_owned()));
    Answer::of(candidates)
}

/// Values of options by the option's name.
fn value(session: &Session, flag: &str) -> Answer {
    let fixed = |words: &[&str]| {
        Answer::of(
            words
                .iter()
                .map(|word| ((*word).to_owned(), String::new()))
                .collect(),
        )
    };
    match flag {
        "network" | "net" => {
            let mut answer = of_kind(session, "NETWORK", "");
            answer.directive = NO_FILES;
            answer
        }
        "volumes-from" | "link" => of_kind(session, "CONTAINER", ""),
        "context" => of_kind(session, "CONTEXT", ""),
        "secret" => of_kind(session, "SECRET", ""),
        "restart" => fixed(&["no", "on-failure", "always", "unless-stopped"]),
        "pull" => fixed(&["always", "missing", "never"]),
        "log-level" => fixed(&["debug", "info", "warn", "error", "fatal"]),
        "log-driver" => fixed(&[
            "json-file",
            "local",
            "journald",
            "syslog",
            "fluentd",
            "gelf",
            "none",
        ]),
        "signal" | "stop-signal" => fixed(&[
            "SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGTERM",
        ]),
        "ipc" => fixed(&["none", "private", "shareable", "host"]),
        "cgroupns" | "uts" | "pid" | "userns" => fixed(&["host", "private"]),
        "platform" => fixed(&["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386"]),
        "security-opt" => fixed(&[
            "no-new-privileges",
            "seccomp=unconfined",
            "apparmor=unconfined",
            "label=disable",
            "systempaths=unconfined",
        ]),
        "format" => fixed(&["json", "table"]),
        "progress" => fixed(&["auto", "plain", "quiet", "rawjson", "tty"]),
        "call" => fixed(&["build", "check", "outline", "targets"]),
        "env-file" | "label-file" | "cidfile" | "config" | "output" | "input" | "tlscacert"
        | "file" | "iidfile" | "metadata-file" | "build-context" | "tlscert" | "tlskey"
        | "volume" | "mount" | "device" => Answer::files(),
        _ => fixed(&[]),
    }
}

/// What the usage line says about this place.
fn positional(session: &Session, entry: &Entry, path: &str, at: usize) -> Answer {
    let words: Vec<&str> = entry
        .usage
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .filter(|word| *word != "[OPTIONS]")
        .collect();
    // The last one may come again if it says so.
    let word = words
        .get(at)
        .or_else(|| words.last().filter(|last| last.contains("...")));
    let Some(word) = word else {
        return Answer::of(Vec::new());
    };
    let word = word.trim_matches(['[', ']', '.']);
    if path.ends_with("cp") {
        let mut answer = of_kind(session, "CONTAINER", path);
        for (name, _) in &mut answer.candidates {
            name.push(':');
        }
        answer.directive = NO_SPACE;
        return answer;
    }
    match word.split(['[', ':', '|']).next().unwrap_or_default() {
        "NAME" => {
            let mut answer = of_kind(session, "CONTAINER", path);
            answer
                .candidates
                .extend(of_kind(session, "IMAGE", path).candidates);
            answer
        }
        "SOURCE_IMAGE" => of_kind(session, "IMAGE", path),
        "bash" => {
            let shells = ["bash", "zsh", "fish"];
            Answer::of(shells.map(|shell| (shell.to_owned(), String::new())).into())
        }
        kind @ ("CONTAINER" | "IMAGE" | "NETWORK" | "VOLUME" | "SECRET" | "CONTEXT") => {
            of_kind(session, kind, path)
        }
        _ => Answer::files(),
    }
}

/// Names; none where the daemon cannot be asked.
fn of_kind(session: &Session, kind: &str, path: &str) -> Answer {
    let mut found = Vec::new();
    let _ = Session::block_on(async {
        found = names(session, kind, path).await?;
        Ok(())
    });
    Answer::of(found)
}
