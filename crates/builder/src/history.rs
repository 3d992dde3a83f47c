//! What an image's history says of an instruction, in BuildKit's words.

use gantry_dockerfile::{
    Add, Applied, Copy, Env, Healthcheck, Instruction, KeyValue, Kind, Sources,
};
use gantry_oci::History;
use gantry_units::GoDuration;

use crate::configure;

/// What BuildKit's frontend writes into every entry.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// An entry.
pub(crate) fn entry(created_by: String, created: &str, empty: bool) -> History {
    History {
        created: Some(created.to_owned()),
        created_by: Some(created_by),
        author: None,
        comment: Some(COMMENT.to_owned()),
        empty_layer: empty,
    }
}

/// `RUN |1 A=b /bin/sh -c echo # buildkit`.
pub(crate) fn run(arguments: &[String], args: &[(String, Option<String>)], env: &Env) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut set: Vec<String> = Vec::new();
    for (name, value) in args {
        if names.contains(&name.as_str()) {
            continue;
        }
        names.push(name);
        // What the command sees counts, also where ENV has set it.
        let value = env.get(name).or(value.as_deref()).unwrap_or_default();
        set.push(format!("{name}={value}"));
    }
    let mut words = vec!["RUN".to_owned()];
    if !set.is_empty() {
        words.push(format!("|{}", set.len()));
        words.extend(set);
    }
    words.extend(arguments.iter().cloned());
    words.push("# buildkit".to_owned());
    words.join(" ")
}

/// What an instruction without RUN's specialities says; `kind` has its values put in.
pub(crate) fn of(instruction: &Instruction, applied: &Applied, shell: &[String]) -> String {
    match &applied.kind {
        Kind::Env(pairs) => format!("ENV {}", joined(pairs)),
        Kind::Label(pairs) => format!("LABEL {}", joined(pairs)),
        Kind::Copy(copy) => copied(copy),
        Kind::Add(add) => added(add),
        Kind::Cmd(line) => format!("CMD {}", quoted(&line.arguments(shell))),
        Kind::Entrypoint(line) => format!("ENTRYPOINT {}", quoted(&line.arguments(shell))),
        Kind::Expose(_) => {
            let ports = applied.ports.iter().flat_map(|(_, port)| port.names());
            let ports: std::collections::BTreeSet<String> = ports.collect();
            let ports: Vec<String> = ports.into_iter().collect();
            format!("EXPOSE [{}]", ports.join(" "))
        }
        Kind::User(user) => format!("USER {user}"),
        Kind::Workdir(path) => format!("WORKDIR {path}"),
        Kind::Volume(paths) => format!("VOLUME [{}]", paths.join(" ")),
        Kind::StopSignal(signal) => format!("STOPSIGNAL {signal}"),
        Kind::Shell(words) => format!("SHELL [{}]", words.join(" ")),
        Kind::Onbuild(expression) => format!("ONBUILD {expression}"),
        Kind::Maintainer(name) => format!("MAINTAINER {name}"),
        Kind::Arg(items) => {
            let items = items.iter().map(|item| match &item.default {
                Some(value) => format!("{}={value}", item.name),
                None => item.name.clone(),
            });
            format!("ARG {}", items.collect::<Vec<_>>().join(" "))
        }
        Kind::Healthcheck(check) => healthcheck(check),
        Kind::Run(_) => instruction.source.clone(),
    }
}

fn joined(pairs: &[KeyValue]) -> String {
    let pairs = pairs
        .iter()
        .map(|pair| format!("{}={}", pair.key, pair.value));
    pairs.collect::<Vec<_>>().join(" ")
}

/// As Go prints the structure of a check with `%q`.
fn healthcheck(check: &Healthcheck) -> String {
    let times = match check {
        Healthcheck::None => [GoDuration::default(); 4],
        Healthcheck::Command {
            interval,
            timeout,
            start_period,
            start_interval,
            ..
        } => [*interval, *timeout, *start_period, *start_interval],
    };
    let times = times.map(|time| format!("\"{time}\""));
    let check = configure::healthcheck(check);
    let test = quoted(&check.test);
    let retries = u32::try_from(check.retries).ok().and_then(char::from_u32);
    let retries = rune(retries.unwrap_or(char::REPLACEMENT_CHARACTER));
    format!("HEALTHCHECK &{{{test} {} {retries}}}", times.join(" "))
}

/// As Go prints a number with `%q`: as the character that has it.
fn rune(letter: char) -> String {
    match letter {
        '\x07' => "'\\a'".to_owned(),
        '\x08' => "'\\b'".to_owned(),
        '\x0b' => "'\\v'".to_owned(),
        '\x0c' => "'\\f'".to_owned(),
        '\t' | '\n' | '\r' | '\'' | '\\' => format!("'{}'", letter.escape_default()),
        _ if letter < ' ' || letter == '\x7f' => format!("'\\x{:02x}'", u32::from(letter)),
        _ => format!("'{letter}'"),
    }
}

/// As Go prints a list of strings with `%q`.
fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(" "))
}

fn sources(sources: &Sources) -> String {
    let inline = sources.inline.iter().map(|file| format!("<<{}", file.name));
    let all = sources.paths.iter().cloned().chain(inline);
    let all: Vec<String> = all.chain([sources.destination.clone()]).collect();
    format!("{} # buildkit", all.join(" "))
}

fn flags(chown: Option<&String>, chmod: Option<&String>) -> String {
    let chown = chown.map(|owner| format!("--chown={owner} "));
    let chmod = chmod.map(|mode| format!("--chmod={mode} "));
    chown.unwrap_or_default() + &chmod.unwrap_or_default()
}

fn copied(copy: &Copy) -> String {
    format!(
        "COPY {}{}",
        flags(copy.chown.as_ref(), copy.chmod.as_ref()),
        sources(&copy.sources)
    )
}

fn added(add: &Add) -> String {
    format!(
        "ADD {}{}",
        flags(add.chown.as_ref(), add.chmod.as_ref()),
        sources(&add.sources)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_tells_its_arguments() {
        let words: Vec<String> = ["/bin/sh", "-c", "echo"].map(str::to_owned).into();
        let env = Env::new();
        assert_eq!(run(&words, &[], &env), "RUN /bin/sh -c echo # buildkit");
        let mut args = vec![
            ("A".to_owned(), Some("b".to_owned())),
            ("C".to_owned(), None),
            ("A".to_owned(), Some("again".to_owned())),
        ];
        let told = |args: &[(String, Option<String>)], env: &Env| run(&words, args, env);
        assert_eq!(
            told(&args, &env),
            "RUN |2 A=b C= /bin/sh -c echo # buildkit"
        );
        args.truncate(1);
        let env = Env::from_pairs(["A=env"]);
        assert_eq!(told(&args, &env), "RUN |1 A=env /bin/sh -c echo # buildkit");
    }
}
