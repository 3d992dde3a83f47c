//! Commands: what they declare, and how a command line finds its own.

use std::future::Future;

use crate::commands::{entries, groups, inner_group};
use crate::failure::Failure;
use crate::flags::{Flag, FlagSet, Stop, parse};
use crate::globals::Globals;
use crate::plugins;
use crate::program::Program;
use crate::session::Session;
use crate::usage;

/// A command: a set of options that can be carried out.
pub(crate) trait Command: FlagSet + 'static {
    /// What stands behind the name in the usage line; a line break starts a second form.
    const USAGE: &'static str;
    /// What it does, in one line.
    const ABOUT: &'static str;
    /// The same in its own help, where that says more.
    const LONG: &'static str = Self::ABOUT;
    /// How many words it takes.
    const WORDS: Arity;
    /// Whether options may follow the first word.
    const INTERSPERSED: bool = true;

    /// Carries it out.
    fn run(
        self,
        session: &Session,
        words: Vec<String>,
    ) -> impl Future<Output = Result<(), Failure>>;
}

/// How many words a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    None,
    Exactly(usize),
    AtLeast(usize),
    AtMost(usize),
    Between(usize, usize),
}

impl Arity {
    /// What is wrong with that many words.
    fn complaint(self, count: usize) -> Option<String> {
        let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
        match self {
            Self::None if count > 0 => Some("accepts no arguments".to_owned()),
            Self::Exactly(wanted) if count != wanted => {
                Some(format!("requires {wanted} {}", plural(wanted)))
            }
            Self::AtLeast(least) if count < least => {
                Some(format!("requires at least {least} {}", plural(least)))
            }
            Self::AtMost(most) if count > most => {
                Some(format!("requires at most {most} {}", plural(most)))
            }
            Self::Between(least, most) if count < least || count > most => Some(format!(
                "requires at least {least} and at most {most} {}",
                plural(most)
            )),
            _ => None,
        }
    }
}

/// A command as the list of all commands has it.
pub(crate) struct Entry {
    /// All ways to call it, the longest first: `container run`, `run`.
    pub(crate) paths: &'static [&'static str],
    pub(crate) usage: &'static str,
    pub(crate) about: &'static str,
    pub(crate) long: &'static str,
    pub(crate) flags: fn() -> Vec<Flag>,
    /// `-h` is one of its options, so `--help` is worth a line in its help.
    pub(crate) has_help_of_its_own: bool,
    run: fn(&Entry, &str, &Session, &[String]) -> Result<(), Failure>,
}

impl Entry {
    pub(crate) const fn of<C: Command>(paths: &'static [&'static str]) -> Self {
        Self {
            paths,
            usage: C::USAGE,
            about: C::ABOUT,
            long: C::LONG,
            flags: C::flags,
            has_help_of_its_own: false,
            run: run::<C>,
        }
    }

    /// A command that reads its words itself; only `--help` is looked for.
    pub(crate) const fn untyped(
        paths: &'static [&'static str],
        usage: &'static str,
        about: &'static str,
        run: fn(&Entry, &str, &Session, &[String]) -> Result<(), Failure>,
    ) -> Self {
        Self {
            paths,
            usage,
            about,
            long: about,
            flags: Vec::new,
            has_help_of_its_own: false,
            run,
        }
    }

    /// Carries it out, or shows its help.
    fn carry_out(&self, path: &str, session: &Session, words: &[String]) -> Result<(), Failure> {
        let typed = !(self.flags)().is_empty();
        if !typed
            && words
                .iter()
                .take_while(|w| *w != "--")
                .any(|w| w == "--help")
        {
            crate::output::print(usage::command(session.program, path, self));
            return Ok(());
        }
        session.invoked(path);
        (self.run)(self, path, session, words)
    }

    pub(crate) const fn with_help(mut self) -> Self {
        self.has_help_of_its_own = true;
        self
    }
}

/// A group of commands.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
}

/// Finds the command and runs it.
pub(crate) fn dispatch(program: Program, words: Vec<String>) -> Result<(), Failure> {
    if let Some((first, rest)) = words.split_first()
        && first == crate::completion::COMMAND
    {
        return crate::completion::complete(&Session::new(program, Globals::default()), rest);
    }
    let parsed = match parse::<Globals>(&words, false) {
        Ok(parsed) => parsed,
        Err(Stop::Help(_)) => {
            crate::output::print(usage::root(&Session::new(program, Globals::default())));
            return Ok(());
        }
        Err(Stop::Error(reason)) => {
            let name = program.name;
            return Err(Failure::with_code(
                125,
                format!(
                    "{reason}\n\nUsage:  {name} [OPTIONS] COMMAND [ARG...]\n\nRun '{name} --help' for more information"
                ),
            ));
        }
    };
    if parsed.flags.version {
        crate::output::line(format!(
            "{} version {}, build {}",
            program.proper,
            crate::session::VERSION,
            crate::session::build()
        ));
        return Ok(());
    }
    check(&parsed.flags)?;
    let session = Session::new(program, parsed.flags);
    match parsed.words.split_first() {
        None => {
            crate::output::print(usage::root(&session));
            Ok(())
        }
        Some((first, rest)) => find(&session, first, rest, &words),
    }
}

/// Global options that can only be wrong.
fn check(globals: &Globals) -> Result<(), Failure> {
    if let Some(level) = globals.log_level.as_deref()
        && !["debug", "info", "warn", "error", "fatal"].contains(&level)
    {
        return Err(Failure::new(format!(
            "Unable to parse logging level: {level}"
        )));
    }
    Ok(())
}

fn find(session: &Session, first: &str, rest: &[String], all: &[String]) -> Result<(), Failure> {
    if first == "help" {
        return help(session, rest);
    }
    if let Some(group) = groups().find(|group| group.name == first) {
        return in_group(session, group, rest);
    }
    match entry(first) {
        Some((entry, path)) => entry.carry_out(path, session, rest),
        None => not_ours(session, first, rest, all),
    }
}

/// A plugin, or an alias of the configuration file.
fn not_ours(
    session: &Session,
    first: &str,
    rest: &[String],
    all: &[String],
) -> Result<(), Failure> {
    if let Some(plugin) = plugins::find(session.config(), first) {
        return Err(plugins::become_plugin(session, &plugin, all));
    }
    let Some(meant) = session.config().alias(first) else {
        return Err(unknown(session.program, first, ""));
    };
    // An alias of an alias is not looked up: no circle.
    let words: Vec<String> = meant.split_whitespace().map(str::to_owned).collect();
    let before = all.len() - rest.len() - 1;
    let replaced = [&all[..before], &words, rest].concat();
    match words.split_first() {
        Some((meant, more)) if session.config().alias(meant).is_none() => {
            find(session, meant, &[more, rest].concat(), &replaced)
        }
        _ => Err(unknown(session.program, first, "")),
    }
}

fn in_group(session: &Session, group: &Group, rest: &[String]) -> Result<(), Failure> {
    let Some((verb, rest)) = rest.split_first() else {
        crate::output::print(usage::group(session.program, group));
        return Ok(());
    };
    if verb == "--help" || verb == "-h" {
        crate::output::print(usage::group(session.program, group));
        return Ok(());
    }
    if verb.starts_with('-') {
        return Err(flag_error(
            session.program,
            group.name,
            "",
            &format!("unknown flag: {verb}"),
        ));
    }
    let path = format!("{} {verb}", group.name);
    if let Some(inner) = inner_group(&path) {
        return in_group(session, inner, rest);
    }
    // A command may have commands of its own.
    if let Some((inner, more)) = rest.split_first()
        && let Some((entry, path)) = entry(&format!("{path} {inner}"))
    {
        return entry.carry_out(path, session, more);
    }
    match entry(&path) {
        Some((entry, path)) => entry.carry_out(path, session, rest),
        None => Err(unknown(
            session.program,
            &format!("{} {verb}", group.name),
            group.name,
        )),
    }
}

/// `gantry help run`.
fn help(session: &Session, words: &[String]) -> Result<(), Failure> {
    let path = words.join(" ");
    if path.is_empty() {
        crate::output::print(usage::root(session));
    } else if let Some(group) = groups().find(|group| group.name == path) {
        crate::output::print(usage::group(session.program, group));
    } else if let Some(group) = inner_group(&path) {
        crate::output::print(usage::group(session.program, group));
    } else if let Some((entry, path)) = entry(&path) {
        crate::output::print(usage::command(session.program, path, entry));
    } else if let Some((plugin, rest)) = words
        .split_first()
        .and_then(|(first, rest)| Some((plugins::find(session.config(), first)?, rest)))
    {
        let mut words = vec![plugin.name.clone()];
        words.extend(rest.iter().cloned());
        words.push("--help".to_owned());
        return Err(plugins::become_plugin(session, &plugin, &words));
    } else {
        return Err(Failure::new(format!("unknown help topic: {path}")));
    }
    Ok(())
}

fn entry(path: &str) -> Option<(&'static Entry, &'static str)> {
    entries().find_map(|entry| {
        entry
            .paths
            .iter()
            .find(|known| **known == path)
            .map(|known| (entry, *known))
    })
}

fn unknown(program: Program, path: &str, group: &str) -> Failure {
    let name = program.name;
    if group.is_empty() {
        return Failure::new(format!(
            "{name}: unknown command: {name} {path}\n\nRun '{name} --help' for more information"
        ));
    }
    Failure::new(format!(
        "{name}: unknown command: {name} {path}\n\nUsage:  {name} {group}\n\nRun '{name} {group} --help' for more information"
    ))
}

fn run<C: Command>(
    entry: &Entry,
    path: &str,
    session: &Session,
    words: &[String],
) -> Result<(), Failure> {
    let program = session.program;
    let parsed = match parse::<C>(words, C::INTERSPERSED) {
        Ok(parsed) => parsed,
        Err(Stop::Help(old)) => {
            if old {
                eprintln!("Flag shorthand -h has been deprecated, use --help");
            }
            crate::output::print(usage::command(program, path, entry));
            return Ok(());
        }
        Err(Stop::Error(reason)) => return Err(flag_error(program, path, C::USAGE, &reason)),
    };
    if let Some(complaint) = C::WORDS.complaint(parsed.words.len()) {
        let name = program.name;
        let usage = usage::line(program, path, C::USAGE);
        let verb = if matches!(C::WORDS, Arity::AtLeast(_)) {
            "See"
        } else {
            "Run"
        };
        return Err(Failure::new(format!(
            "{name}: '{name} {path}' {complaint}\n\n{usage}\n\n{verb} '{name} {path} --help' for more information"
        )));
    }
    Session::block_on(parsed.flags.run(session, parsed.words))
}

fn flag_error(program: Program, path: &str, arguments: &str, reason: &str) -> Failure {
    let usage = usage::line(program, path, arguments);
    let name = program.name;
    Failure::with_code(
        125,
        format!("{reason}\n\n{usage}\n\nRun '{name} {path} --help' for more information"),
    )
}
