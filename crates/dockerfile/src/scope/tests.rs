//! What variables are worth, and where.

use proptest::prelude::*;

use super::*;

/// The words after each instruction, and the scope at the end of the last stage.
fn walk(source: &str, build_args: &[(&str, &str)]) -> (Vec<Applied>, Scope) {
    let file = Dockerfile::parse(source.as_bytes()).expect(source);
    let mut options = BuildOptions::default();
    for (name, value) in build_args {
        options
            .build_args
            .insert((*name).to_owned(), (*value).to_owned());
    }
    let globals = Globals::new(&file, &options).expect(source);
    let stage = file.stages.last().expect("a stage");
    let mut scope = Scope::on_image(&file, ["HOME=/root"]);
    let applied = stage.instructions.iter();
    let applied = applied.map(|i| scope.apply(i, &globals, &options).expect(source));
    (applied.collect(), scope)
}

fn workdir(applied: &Applied) -> &str {
    match &applied.kind {
        Kind::Workdir(path) => path,
        other => panic!("{other:?} is no WORKDIR"),
    }
}

#[test]
fn a_global_argument_must_be_declared_again() {
    let source = "ARG V=1\nFROM a\nWORKDIR /$V\nARG V\nWORKDIR /$V";
    let (applied, _) = walk(source, &[]);
    assert_eq!((workdir(&applied[0]), workdir(&applied[2])), ("/", "/1"));
    assert_eq!(applied[0].undefined[0].name, "V");
    let (applied, _) = walk(source, &[("V", "2")]);
    assert_eq!((workdir(&applied[0]), workdir(&applied[2])), ("/", "/2"));
}

#[test]
fn build_arguments_beat_defaults_and_later_words_win() {
    let source = "FROM a\nARG A=\"x y\" B=$A\nENV A=env\nWORKDIR $A/$B";
    assert_eq!(workdir(&walk(source, &[]).0[2]), "env/x y");
    let (applied, scope) = walk(source, &[("B", "$A")]);
    assert_eq!(workdir(&applied[2]), "env/$A");
    assert_eq!(scope.args[1].1.as_deref(), Some("$A"));
}

#[test]
fn one_instruction_sees_the_variables_before_it() {
    let (_, scope) = walk("FROM a\nENV a=1\nENV a=2 b=$a", &[]);
    assert_eq!(
        (scope.env.get("a"), scope.env.get("b")),
        (Some("2"), Some("1"))
    );
    assert_eq!(scope.env.get("HOME"), Some("/root"));
    assert_eq!(scope.env.get("PATH"), Some(DEFAULT_PATH));
}

#[test]
fn a_stage_on_a_stage_keeps_arguments_below_the_image() {
    let (_, scope) = walk("FROM a\nENV A=env\nARG A=arg B=arg", &[]);
    assert_eq!(scope.env.get("A"), Some("arg"));
    let above = scope.on_stage();
    assert_eq!(
        (above.env.get("A"), above.env.get("B")),
        (Some("env"), Some("arg"))
    );
    assert_eq!(above.image_env.get("B"), None);
}

#[test]
fn platforms_are_known_globally() {
    let file = Dockerfile::parse(b"ARG BASE=img-$TARGETARCH\nFROM $BASE AS last").expect("fine");
    let options = BuildOptions {
        target_platform: Platform::parse("linux/arm/v6").expect("one"),
        ..BuildOptions::default()
    };
    let globals = Globals::new(&file, &options).expect("fine");
    assert_eq!(
        globals
            .expand("$BASE $TARGETVARIANT $TARGETSTAGE")
            .expect("fine")
            .text,
        "img-arm v6 last"
    );
}

#[test]
fn each_instruction_expands_what_it_should() {
    let source = "FROM a\nARG X=/x P=\"80 81/udp\"\nCOPY --chown=$X --exclude=$X <<F <<'G' $X $X/\n\"$X\"\nF\n$X\nG\nRUN --mount=target=$X,source=$X echo $X\n\
                  EXPOSE $P\nLABEL $X=\"$X\" b='$X'\nCMD [\"$X\"]\nVOLUME [\"$X\"]";
    let (applied, _) = walk(source, &[]);
    let Kind::Copy(copy) = &applied[1].kind else {
        panic!("a copy");
    };
    assert_eq!(copy.chown.as_deref(), Some("/x"));
    assert_eq!(
        (
            copy.sources.paths[0].as_str(),
            copy.sources.destination.as_str()
        ),
        ("/x", "/x/")
    );
    assert_eq!(copy.sources.inline[0].text, "\"/x\"\n");
    assert_eq!(
        (
            copy.sources.inline[1].text.as_str(),
            copy.exclude[0].as_str()
        ),
        ("$X\n", "$X")
    );
    assert_eq!(applied[2].mounts[0].target.as_deref(), Some("/x"));
    let ports: Vec<String> = applied[3]
        .ports
        .iter()
        .flat_map(|(_, p)| p.names())
        .collect();
    assert_eq!(ports, ["80/tcp", "81/udp"]);
    let Kind::Label(labels) = &applied[4].kind else {
        panic!("labels");
    };
    assert_eq!(
        (labels[0].key.as_str(), labels[1].value.as_str()),
        ("/x", "$X")
    );
    assert!(format!("{:?}", applied[5].kind).contains("$X"));
    assert_eq!(applied[6].kind, Kind::Volume(vec!["/x".to_owned()]));
}

proptest! {
    #[test]
    fn going_through_a_stage_never_panics(
        lines in proptest::collection::vec("(ENV A=|ARG A=|WORKDIR |COPY a |EXPOSE |RUN --mount=type=|VOLUME |USER )[$A{}a:/,=-]{0,8}", 0..8),
    ) {
        let source = format!("FROM a\n{}", lines.join("\n"));
        if let Ok(file) = Dockerfile::parse(source.as_bytes()) {
            let options = BuildOptions::default();
            let globals = Globals::new(&file, &options).expect("no arguments");
            let mut scope = Scope::on_image::<&str>(&file, []);
            for instruction in &file.stages[0].instructions {
                let _ = scope.apply(instruction, &globals, &options);
            }
        }
    }
}
