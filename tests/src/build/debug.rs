//! A shell in the step that failed.

use super::{context, script};
use crate::harness::Client;

const FILE: &str = "FROM busybox\nENV GREETING=hello\nWORKDIR /work\nCOPY src/a.txt /there\n\
    RUN --mount=type=cache,id=c,target=/cache,sharing=locked --mount=type=secret,id=k \
        --mount=type=bind,source=src,target=/src touch /cache/kept && echo half > half && exit 7\n";

#[test]
fn a_step_that_fails_can_be_looked_at() {
    let client = Client::gantry();
    let at = context(&client, FILE);
    let at = at.display();
    let look = "echo $GREETING; pwd; cat half /there; ls /cache /src; cat /run/secrets/k; exit 3";
    let command = format!(
        "echo '{look}' | SECRET=hidden $C build --debug --secret id=k,env=SECRET {at}; echo code $?"
    );
    let run = script(&client, &command);
    assert_eq!(
        run.stdout,
        "hello\n/work\nhalf\ncontent\n/cache:\nkept\n\n/src:\na.txt\ndeep\nhiddencode 1\n",
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("this is where it failed") && run.stderr.contains("exit code: 7"),
        "{}",
        run.stderr
    );
    // Another program in its place, on a terminal.
    let run = client.on_terminal(
        &format!("build --invoke '/bin/cat /work/half' {at} --secret id=k,src={at}/Dockerfile"),
        "",
    );
    assert!(
        run.code != 0 && run.stdout.contains("half"),
        "{}",
        run.stdout
    );
    // Nothing of it stays, and without being asked nobody is shown anything.
    assert_eq!(client.ok("ps -aq"), "");
    let names = client.ok("images -a --format '{{.Repository}}'");
    assert!(!names.contains("<none>"), "{names}");
    let run = script(&client, &format!("$C build {at} < /dev/null"));
    assert!(
        run.code != 0 && !run.stderr.contains("this is where"),
        "{}",
        run.stderr
    );
    // It needs an engine that offers it.
    let run = script(&client, &format!("DOCKER_BUILDKIT=0 $C build --debug {at}"));
    assert!(
        run.code != 0 && run.stderr.contains("--debug"),
        "{}",
        run.stderr
    );
}
