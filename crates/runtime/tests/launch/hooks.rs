//! Hooks of the spec, where and when they run.

use gantry_oci::{Hook, Hooks, State, Status};

use super::fixture::{Fixture, pipes};

fn hook(script: &str) -> Hook {
    Hook {
        path: "/bin/sh".into(),
        args: ["sh", "-c", script].map(str::to_owned).into(),
        env: vec!["PATH=/usr/bin:/bin".into()],
        timeout: Some(20),
    }
}

/// Hooks of the host append to a file beside the root; those of the container to its streams.
#[test]
fn each_runs_in_its_namespaces_at_its_time() {
    let mut fixture = Fixture::shell("echo program; cat /made-by-hook");
    let notes = tempfile::tempdir().unwrap();
    let note = |word: &str| hook(&format!("echo {word} >> {}/notes", notes.path().display()));
    let root = fixture.root.path().display();
    let hooks = Hooks {
        prestart: vec![note("prestart")],
        create_runtime: vec![hook(&format!(
            "grep -q '\"status\":\"creating\"' && test -e /proc/$PPID && echo createRuntime >> {}/notes",
            notes.path().display()
        ))],
        // Paths are the host's, namespaces the container's: the root is where the bundle says.
        create_container: vec![hook(&format!(
            "test $(hostname) = box && test -e {root}/proc/self && echo yes > {root}/made-by-hook"
        ))],
        start_container: vec![hook("grep -q '\"status\":\"created\"' && echo hook $(pwd)")],
        ..Hooks::default()
    };
    fixture.spec.hooks = Some(hooks);
    fixture.spec.hostname = Some("box".into());
    let output = fixture.run();
    assert_eq!(output.stdout, "hook /\nprogram\nyes\n", "{output:?}");
    let told = std::fs::read_to_string(notes.path().join("notes")).unwrap();
    assert_eq!(told, "prestart\ncreateRuntime\n");
}

#[test]
fn one_that_fails_ends_the_launch() {
    let why = |hooks: Hooks| {
        let mut fixture = Fixture::shell("echo never");
        fixture.spec.hooks = Some(hooks);
        fixture.refused().to_string()
    };
    assert_eq!(
        why(Hooks {
            prestart: vec![hook("echo out of luck >&2; exit 7")],
            ..Hooks::default()
        }),
        "error running prestart hook #0: exit status 7, stdout: , stderr: out of luck"
    );
    assert_eq!(
        why(Hooks {
            create_container: vec![hook("true"), hook("exit 3")],
            ..Hooks::default()
        }),
        "error running createContainer hook #1: exit status 3"
    );
    assert_eq!(
        why(Hooks {
            start_container: vec![hook("exit 4")],
            ..Hooks::default()
        }),
        "error running startContainer hook #0: exit status 4"
    );
    let relative = Hook {
        path: "sh".into(),
        ..Hook::default()
    };
    assert!(
        why(Hooks {
            poststop: vec![relative],
            ..Hooks::default()
        })
        .contains("must be absolute")
    );
}

#[test]
fn those_after_the_start_and_the_end_only_warn() {
    let mut fixture = Fixture::shell("true");
    fixture.spec.hooks = Some(Hooks {
        poststart: vec![hook("exit 1"), hook("grep -q running")],
        poststop: vec![hook("grep -q stopped")],
        ..Hooks::default()
    });
    let state = State {
        oci_version: "1.2.0".into(),
        id: "x".into(),
        status: Status::Created,
        pid: None,
        bundle: "/".into(),
        annotations: std::collections::BTreeMap::new(),
    };
    let warnings = gantry_runtime::hooks::after_start(&fixture.spec, &state);
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0]
            .message
            .starts_with("error running poststart hook #0")
    );
    assert_eq!(gantry_runtime::hooks::after_stop(&fixture.spec, &state), []);
    // Neither keeps the container from running.
    let (stdio, ..) = pipes(b"");
    fixture.create(stdio).unwrap().start().unwrap();
}
