//! Every check finds what it is for, and nothing in a file that is well written.

use super::{CheckConfig, CheckInput, check};
use crate::document::Dockerfile;
use crate::ignore::Ignore;

fn found_with(source: &str, input: &CheckInput<'_>) -> Vec<String> {
    let file = Dockerfile::parse(source.as_bytes()).expect(source);
    let report = check(&file, input).expect(source);
    let show =
        |f: &super::Finding| format!("{}:{}: {}", f.span.start.line, f.check.name(), f.message);
    report.findings.iter().map(show).collect()
}

fn found(source: &str) -> Vec<String> {
    found_with(source, &CheckInput::default())
}

#[test]
fn each_check_finds_its_mistake() {
    for (source, want) in [
        (
            "FROM a AS Build",
            "1:StageNameCasing: Stage name 'Build' should be lowercase",
        ),
        (
            "FROM a as b",
            "1:FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
        ),
        (
            "FROM a\nRUN b \\\n\n  c",
            "4:NoEmptyContinuation: Empty continuation line",
        ),
        (
            "FROM a\nRun b\nRUN c",
            "2:ConsistentInstructionCasing: Command 'Run' should match the case of the command majority (uppercase)",
        ),
        (
            "FROM a AS b\nFROM a AS b",
            "2:DuplicateStageName: Duplicate stage name \"b\", stage names should be unique",
        ),
        (
            "FROM a AS context",
            "1:ReservedStageName: Stage name should not use the same name as reserved stage \"context\"",
        ),
        (
            "FROM a\nCMD b",
            "2:JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
        ),
        (
            "FROM a\nMAINTAINER b",
            "2:MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label",
        ),
        (
            "ARG VERSION=1\nFROM a:1$VERSON",
            "2:UndefinedArgInFrom: FROM argument 'VERSON' is not declared (did you mean VERSION?)",
        ),
        (
            "FROM a\nWORKDIR b",
            "2:WorkdirRelativePath: Relative workdir \"b\" can have unexpected results if the base image changes",
        ),
        (
            "FROM a\nARG NAME=x\nCOPY $NAMES $NAME /",
            "3:UndefinedVar: Usage of undefined variable '$NAMES' (did you mean $NAME?)",
        ),
        (
            "FROM a\nCMD [\"a\"]\nCMD [\"b\"]",
            "2:MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only the last one will be used",
        ),
        (
            "FROM a\nENV b c",
            "2:LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format",
        ),
        (
            "FROM --platform=$TARGETPLATFORM a",
            "1:RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
        ),
        (
            "FROM a\nARG API_KEY",
            "2:SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG \"API_KEY\")",
        ),
        (
            "FROM --platform=linux/amd64 a",
            "1:FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\"",
        ),
        (
            "FROM a\nEXPOSE 80/TCP",
            "2:ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
        ),
        (
            "FROM a\nEXPOSE 8080:80",
            "2:ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '8080:80'",
        ),
    ] {
        assert!(
            found(source).contains(&want.to_owned()),
            "{source}: {:?}",
            found(source)
        );
        assert_eq!(found(source).len(), 1, "{source}: {:?}", found(source));
    }
}

#[test]
fn an_argument_without_a_default_names_no_image() {
    let mut input = CheckInput::default();
    let args = &mut input.options.build_args;
    args.insert("TAG".to_owned(), "1".to_owned());
    let found = found_with("ARG TAG\nFROM busybox:$TAG", &input);
    assert_eq!(
        found,
        [
            "2:InvalidDefaultArgInFrom: Default value for ARG busybox:$TAG results in empty or invalid base image name"
        ]
    );
}

#[test]
fn descriptions_are_only_looked_at_on_demand() {
    let source = "# something\nFROM a AS b";
    assert!(found(source).is_empty());
    let asked = format!("# check=experimental=all\n{source}");
    assert_eq!(
        found(&asked),
        [
            "3:InvalidDefinitionDescription: Comment for FROM should follow the format: `# b <description>`"
        ]
    );
}

#[test]
fn ignored_files_cannot_be_copied() {
    let found_ignoring = |patterns: &[&str], source: &str| {
        let ignore = Ignore::new(patterns).expect("patterns");
        let input = CheckInput {
            ignore: Some(&ignore),
            ..CheckInput::default()
        };
        found_with(source, &input)
    };
    let source = "FROM a\nCOPY out/x /\nADD out/y /\nCOPY . /";
    assert_eq!(
        found_ignoring(&["out"], source),
        [
            "2:CopyIgnoredFile: Attempting to Copy file \"out/x\" that is excluded by .dockerignore",
            "3:CopyIgnoredFile: Attempting to Add file \"out/y\" that is excluded by .dockerignore",
        ]
    );
    assert!(found_ignoring(&["out", "!out/x"], source).is_empty());
    assert_eq!(found_ignoring(&["**"], "FROM a\nCOPY . /").len(), 1);
}

#[test]
fn checks_can_be_skipped_and_made_errors() {
    assert!(found("# check=skip=StageNameCasing,FromAsCasing\nFROM a as B").is_empty());
    assert!(found("# check=skip=all\nFROM a as B").is_empty());
    assert!(found("FROM a\n# check=skip=JSONArgsRecommended\nCMD b").is_empty());
    let file = Dockerfile::parse(b"# check=error=true\nFROM a AS B\nCMD c").expect("fine");
    let report = check(&file, &CheckInput::default()).expect("fine");
    assert_eq!(
        report.error().as_deref(),
        Some("lint violation found for rules: JSONArgsRecommended, StageNameCasing")
    );
    assert!(CheckConfig::parse("skip").is_err() && CheckConfig::parse("x=y").is_err());
    assert!(CheckConfig::parse("error=maybe").is_err());
}

#[test]
fn a_good_file_has_no_findings() {
    let source = "ARG VERSION=1\nFROM --platform=$BUILDPLATFORM golang:${VERSION} AS build\nWORKDIR /src\nARG TARGETARCH\n\
                  RUN --mount=type=cache,target=/root/.cache make ARCH=$TARGETARCH\nFROM scratch\nCOPY --from=build /src/a /a\n\
                  ENV PATH=/opt:$PATH\nEXPOSE 80 443/udp\nENTRYPOINT [\"/a\"]\n";
    assert_eq!(found(source), [] as [String; 0]);
}

#[test]
fn stages_that_nobody_needs_are_only_looked_at_on_demand() {
    let source = "FROM a AS unused\nCMD x\nFROM b\n";
    assert!(found(source).is_empty());
    let input = CheckInput {
        all_stages: true,
        ..CheckInput::default()
    };
    assert_eq!(found_with(source, &input).len(), 1);
}
