//! Instructions as they are read, and why some are not.

use proptest::prelude::*;

use super::{CommandLine, Healthcheck, Instruction, Kind, MountType, Network, Security};
use crate::document::Dockerfile;

fn read(line: &str) -> Instruction {
    let file = Dockerfile::parse(format!("FROM a\n{line}").as_bytes()).expect(line);
    file.stages[0].instructions[0].clone()
}

fn refused(source: &str) -> String {
    let parsed = Dockerfile::parse(source.as_bytes());
    parsed.expect_err(source).to_string()
}

#[test]
fn json_and_shell_form() {
    let exec = Kind::Cmd(CommandLine::Exec(vec!["a".to_owned(), "b c".to_owned()]));
    assert_eq!(read("CMD [\"a\", \"b c\"]").kind, exec);
    let Kind::Cmd(CommandLine::Shell { line, .. }) = read("cmd ['a']").kind else {
        panic!("single quotes are no JSON");
    };
    assert_eq!(line, "['a']");
    let Kind::Entrypoint(command) = read("ENTRYPOINT echo  \\\n  x").kind else {
        panic!("an entry point");
    };
    let shell = ["/bin/sh".to_owned(), "-c".to_owned()];
    assert_eq!(command.arguments(&shell), ["/bin/sh", "-c", "echo    x"]);
}

#[test]
fn run_with_every_flag() {
    let run = read(
        "RUN --mount=type=cache,target=/c --mount=type=secret,id=x --network=none --security=insecure --device=v/c=a make all",
    );
    let Kind::Run(run) = run.kind else {
        panic!("a run")
    };
    assert_eq!(
        (run.network, run.security),
        (Network::None, Security::Insecure)
    );
    assert_eq!(run.devices[0].name, "v/c=a");
    let mount = run.mounts[0].resolve(|w| Ok(w.to_owned())).expect("fine");
    assert_eq!(mount.kind, MountType::Cache);
}

#[test]
fn run_with_heredocs() {
    let Kind::Run(run) = read("RUN <<-EOF\n\t\techo a\n\tb\n\tEOF\nCMD x").kind else {
        panic!("a run");
    };
    assert_eq!(run.command.script().as_deref(), Some("echo a\nb\n"));
    let Kind::Run(run) = read("RUN cat <<A <<'B'\n1\nA\n# no comment\nB").kind else {
        panic!("a run");
    };
    let CommandLine::Shell { heredocs, .. } = &run.command else {
        panic!("the shell form");
    };
    assert_eq!(heredocs[1].content, "# no comment\n");
    assert!(heredocs[0].expand && !heredocs[1].expand && run.command.script().is_none());
}

#[test]
fn copy_and_add() {
    let Kind::Copy(copy) = read(
        "COPY --from=b --chown=1:2 --chmod=u+x --link --parents --exclude=*.o --exclude=x a [b /c/",
    )
    .kind
    else {
        panic!("a copy");
    };
    assert_eq!(copy.sources.paths, ["a", "[b"]);
    assert!(copy.link && copy.parents && copy.exclude == ["*.o", "x"]);
    let Kind::Copy(copy) = read("COPY <<A <<\"B\" x /d/\n$a\nA\n$b\nB").kind else {
        panic!("a copy");
    };
    assert_eq!(copy.sources.paths, ["x"]);
    assert_eq!(copy.sources.inline[1].text, "$b\n");
    assert!(copy.sources.inline[0].expand && !copy.sources.inline[1].expand);
    let Kind::Add(add) =
        read("ADD --checksum=sha256:1 --keep-git-dir=true --unpack=false [\"a b\", \"/\"]").kind
    else {
        panic!("an add");
    };
    assert_eq!((add.keep_git_dir, add.unpack), (Some(true), Some(false)));
    assert_eq!(add.sources.paths, ["a b"]);
}

#[test]
fn variables_and_labels() {
    let Kind::Env(pairs) = read("ENV a=\"b c\" d=e\\ f").kind else {
        panic!("variables");
    };
    assert_eq!(
        (pairs[0].value.as_str(), pairs[1].value.as_str()),
        ("\"b c\"", "e\\ f")
    );
    let Kind::Env(pairs) = read("ENV a  b = c").kind else {
        panic!("variables");
    };
    assert!(pairs[0].legacy && pairs[0].value == "b = c");
    let Kind::Arg(items) = read("# b is second\nARG a b=c d=\"e f\"").kind else {
        panic!("arguments");
    };
    assert_eq!(items[1].description.as_deref(), Some("is second"));
    assert_eq!((items[0].default.as_deref(), items.len()), (None, 3));
}

#[test]
fn health() {
    let check = read("HEALTHCHECK --interval=1m30s --retries=3 CMD curl x").kind;
    let Kind::Healthcheck(Healthcheck::Command {
        interval, retries, ..
    }) = check
    else {
        panic!("a check");
    };
    assert_eq!((interval.nanos(), retries), (90_000_000_000, 3));
    assert_eq!(
        read("HEALTHCHECK none").kind,
        Kind::Healthcheck(Healthcheck::None)
    );
}

#[test]
fn places_are_told() {
    let source = b"FROM a\nRUN --netwrk=none x\n";
    let error = Dockerfile::parse(source).expect_err("a slip");
    let shown = error.excerpt("Dockerfile", source).expect("a place");
    assert!(
        shown.contains("   2 | >>> RUN --netwrk=none x\n     |         ^^^^^^^^^^^^^\n"),
        "{shown}"
    );
}

#[test]
fn refusals_read_as_in_docker() {
    for (line, message) in [
        ("FORM x", "unknown instruction: FORM (did you mean FROM?)"),
        (
            "RUN --mout=x y",
            "unknown flag: --mout (did you mean mount?)",
        ),
        (
            "COPY --link=maybe a b",
            "expecting boolean value for flag --link, not: maybe",
        ),
        ("COPY --from a b", "missing a value on flag: --from"),
        (
            "COPY --from=a --from=b c d",
            "duplicate flag specified: --from",
        ),
        (
            "COPY a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        (
            "COPY a <<EOF\nEOF",
            "COPY cannot accept a heredoc as a destination",
        ),
        ("ENV", "ENV requires at least one argument"),
        ("ENV =a", "ENV names can not be blank"),
        ("USER", "USER requires exactly one argument"),
        ("SHELL a", "SHELL requires the arguments to be in JSON form"),
        ("FROM a b", "FROM requires either one or three arguments"),
        (
            "FROM a AS 1b",
            "invalid name for build stage: \"1b\", name can't start with a number or contain symbols",
        ),
        (
            "ONBUILD ONBUILD RUN a",
            "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        ),
        ("ONBUILD from a", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK NONE a", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        (
            "HEALTHCHECK a",
            "Unknown type \"A\" in HEALTHCHECK (try CMD)",
        ),
        (
            "HEALTHCHECK --interval=1us CMD a",
            "Interval \"interval\" cannot be less than 1ms",
        ),
        (
            "HEALTHCHECK --retries=-1 CMD a",
            "--retries cannot be negative (-1)",
        ),
        (
            "VOLUME [\" \"]",
            "VOLUME specified can not be an empty string",
        ),
        ("RUN --network=x a", "invalid network mode \"x\""),
        ("RUN --security=x a", "security \"x\" is not valid"),
    ] {
        let want = format!("dockerfile parse error on line 2: {message}");
        assert_eq!(refused(&format!("FROM a\n{line}")), want);
    }
    for (source, message) in [
        ("", "the Dockerfile cannot be empty"),
        ("# a\n\n", "file with no instructions"),
        ("ARG a", "dockerfile contains no stages to build"),
        ("RUN a\nFROM b", "no build stage in current context"),
        ("FROM a\nRUN <<EOF\nx", "unterminated heredoc"),
        ("FROM a\nENV b", "ENV must have two arguments"),
        (
            "FROM a\nENV b=c d",
            "Syntax error - can't find = in \"d\". Must be of the form: name=value",
        ),
        (
            "FROM a\nCMD [1]",
            "when using JSON array syntax, arrays must be comprised of strings only",
        ),
    ] {
        assert_eq!(refused(source), message);
    }
}

#[test]
fn onbuild_keeps_its_heredoc() {
    let Kind::Onbuild(expression) = read("ONBUILD RUN <<EOF\na\nEOF").kind else {
        panic!("a trigger");
    };
    assert_eq!(expression, "RUN <<EOF\na\nEOF");
    let trigger = super::parse_trigger(&expression, read("RUN a").span).expect("fine");
    assert!(matches!(trigger.kind, Kind::Run(_)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Dockerfile::parse(&bytes);
    }

    #[test]
    fn no_words_make_it_panic(
        words in proptest::collection::vec(
            "FROM a|RUN|COPY|ADD|ONBUILD|ENV|ARG|HEALTHCHECK|CMD|--mount=type=|--x|<<A|<<-'A'|A|\\[\"|\"\\]|=|\\\\|\n|\n|\\\\\n|#|'|\"|\\$\\{a| |\t|é|CMD|[a-c,=]{3}",
            0..60,
        ),
    ) {
        let source = format!("FROM a\n{}", words.join(" "));
        if let Err(error) = Dockerfile::parse(source.as_bytes()) {
            let _ = error.excerpt("f", source.as_bytes());
        }
    }

    #[test]
    fn the_printed_form_says_the_same(
        lines in proptest::collection::vec(
            "(RUN|USER|WORKDIR|LABEL a=|EXPOSE 80|CMD|COPY a) [a-z\"' \\\\$-]{1,12}( \\\\\n  [a-z ]{1,5})?",
            1..6,
        ),
    ) {
        let source = format!("FROM a\n{}\n", lines.join("\n"));
        if let Ok(file) = Dockerfile::parse(source.as_bytes()) {
            let printed: Vec<&str> = file.stages[0].instructions.iter().map(|i| i.source.as_str()).collect();
            let again = Dockerfile::parse(format!("FROM a\n{}\n", printed.join("\n")).as_bytes());
            // A line that ends in an escape character would swallow the next one.
            prop_assume!(!printed.iter().any(|p| p.ends_with('\\')));
            let again = again.expect("it was readable");
            let kinds = |file: &Dockerfile| file.stages[0].instructions.iter().map(|i| i.kind.clone()).collect::<Vec<_>>();
            prop_assert_eq!(kinds(&file), kinds(&again));
        }
    }
}

#[test]
fn a_file_of_megabytes_is_read_in_moments() {
    let mut source = "FROM a\n".to_owned();
    source.push_str(&"RUN echo \"$a\" && \\\n  true\n".repeat(20_000));
    source.push_str("COPY <<EOF /x\n");
    source.push_str(&"line of $text\n".repeat(50_000));
    source.push_str("EOF\n");
    source.push_str(&"ONBUILD ".repeat(1_000));
    let error = Dockerfile::parse(source.as_bytes()).expect_err("chained triggers");
    assert!(error.to_string().ends_with("isn't allowed"), "{error}");
}
