//! What an image's history says of an instruction, in BuildKit's words.

use gantry_dockerfile::{
    Add, CommandLine, Copy, Healthcheck, Instruction, KeyValue, Kind, Sources,
};
use gantry_oci::History;

/// What BuildKit's frontend writes into every entry.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// An entry.
pub(crate) fn entry(
    created_by: String,
    created: &str,
    author: Option<&str>,
    empty: bool,
) -> History {
    History {
        created: Some(created.to_owned()),
        created_by: Some(created_by),
        author: author.map(str::to_owned),
        comment: Some(COMMENT.to_owned()),
        empty_layer: empty,
    }
}

/// `RUN |1 A=b /bin/sh -c echo # buildkit`.
pub(crate) fn run(arguments: &[String], args: &[(String, Option<String>)]) -> String {
    let set: Vec<String> = args
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
        .collect();
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
pub(crate) fn of(instruction: &Instruction, kind: &Kind) -> String {
    match kind {
        Kind::Env(pairs) => format!("ENV {}", joined(pairs)),
        Kind::Label(pairs) => format!("LABEL {}", joined(pairs)),
        Kind::Copy(copy) => copied(copy),
        Kind::Add(add) => added(add),
        Kind::Cmd(line) => format!("CMD {}", quoted(&words(line))),
        Kind::Entrypoint(line) => format!("ENTRYPOINT {}", quoted(&words(line))),
        Kind::Expose(words) => format!("EXPOSE [{}]", words.join(" ")),
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
        Kind::Healthcheck(Healthcheck::None) => {
            "HEALTHCHECK &{[\"NONE\"] \"0s\" \"0s\" \"0s\" \"0s\" '\\x00'}".to_owned()
        }
        Kind::Healthcheck(_) | Kind::Run(_) => instruction.source.clone(),
    }
}

fn joined(pairs: &[KeyValue]) -> String {
    let pairs = pairs
        .iter()
        .map(|pair| format!("{}={}", pair.key, pair.value));
    pairs.collect::<Vec<_>>().join(" ")
}

fn words(line: &CommandLine) -> Vec<String> {
    let shell = ["/bin/sh".to_owned(), "-c".to_owned()];
    line.arguments(&shell)
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
        assert_eq!(run(&words, &[]), "RUN /bin/sh -c echo # buildkit");
        let args = [
            ("A".to_owned(), Some("b".to_owned())),
            ("C".to_owned(), None),
        ];
        assert_eq!(run(&words, &args), "RUN |1 A=b /bin/sh -c echo # buildkit");
    }
}
