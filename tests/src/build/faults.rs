//! Clients that vanish, daemons that are killed, contexts that change meanwhile: what is left, and what comes next.

use std::fs;
use std::path::Path;

use super::{context, script};
use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    a_context_that_changes_while_it_travels_does_no_harm,
    a_client_that_is_killed_leaves_nothing,
    a_client_that_is_killed_while_it_sends_leaves_nothing,
    a_step_that_forks_for_ever_ends_with_its_client,
);

#[test]
fn a_context_of_very_many_files_is_built_by_the_stock_client() {
    very_many_files(&Client::docker());
}

#[test]
#[ignore = "the same once more, by our own client: a minute"]
fn a_context_of_very_many_files_is_built_by_our_client() {
    very_many_files(&Client::gantry());
}

/// What builds may leave behind while they run, as lines; empty when nothing is going on.
fn remains(daemon: &Daemon) -> String {
    let folder = daemon.world.folder().display().to_string();
    let name = daemon.world.name();
    let script = format!(
        "cd {folder}; ls run/containers data/containers 2>/dev/null | grep -v ':$' | sed '/^$/d; s/^/container /'
         ls data/build/work/* | grep -v ':$' | sed '/^$/d; s/^/work /'
         ls data/build data/build/sources 2>/dev/null | grep -E '^(lent|definition)-' | sed 's/^/folder /'
         ls data/snapshots | grep -E 'scratch' | sed 's/^/snapshot /'
         find /sys/fs/cgroup -path '*/{name}/*' -type d -prune | sed 's/^/cgroup /'
         grep {folder}/ /proc/self/mountinfo | sed 's/^/mount /'
         ps -eo comm= -o args= | grep -E 'gantry-runtime|sleep 1[0-9]{{3}}' | grep -v grep | sed 's/^/process /'"
    );
    daemon.world.sh(&script).stdout
}

/// Everything of a build goes within the tests' patience.
fn nothing_remains(daemon: &Daemon, before: &str) {
    let mut left = String::new();
    let gone = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("nothing of the build is left", || {
            left = remains(daemon);
            left == before
        });
    }));
    assert!(gone.is_ok(), "left:\n{left}before:\n{before}");
}

/// Begins a build and kills its client when the build has said this; gives what it said.
fn kill_when(client: &Client, build: &str, said: &str, log: &Path) {
    let log = log.display();
    let left = format!(
        "{build} > {log} 2>&1 & b=$!; \
         for i in $(seq 900); do grep -q '{said}' {log} && break; sleep 0.05; done; \
         kill -KILL $b; wait $b 2>/dev/null; grep -q '{said}' {log} || {{ cat {log}; exit 1; }}"
    );
    script(client, &left).ok();
}

fn a_context_that_changes_while_it_travels_does_no_harm(client: &Client) {
    let at = context(client, "FROM busybox\nCOPY src /src\n");
    let folder = at.display().to_string();
    let make = format!(
        "cd {folder}/src && for d in 1 2 3 4 5 6; do mkdir $d; for f in $(seq 300); do echo $d $f > $d/$f; done; done; \
         head -c 30000000 /dev/zero > large"
    );
    client.daemon.world.sh(&make).ok();
    // Folders move away and come back, a file grows and shrinks, names change their kind.
    let stir = format!(
        "cd {folder}/src; while [ ! -e ../../still ]; do \
           mv 3 ../../away; echo more >> large; rm -f 1/*5; ln -sfn 2 link; mv ../../away 3; \
           truncate -s 1000 large; rm -rf link; mkdir link; mkfifo 4/pipe; \
           for f in $(seq 5 10 300); do echo 1 $f > 1/$f; done; rm -rf link 4/pipe; \
           head -c 30000000 /dev/zero > large; done"
    );
    let mut stirring = client
        .daemon
        .world
        .command("bash")
        .args(["-uc", &stir])
        .spawn()
        .unwrap();
    for number in 0..4 {
        // Whether it comes out depends on the moment; that it ends, and says why if it does not, does not.
        let built = script(
            client,
            &format!("timeout 60 $C build -t stirred:{number} {folder}"),
        );
        assert!(
            built.code == 0 || (built.code == 1 && built.stderr.contains("ERROR: ")),
            "{}: {}",
            built.code,
            built.stderr
        );
    }
    fs::write(client.daemon.world.folder().join("still"), "").unwrap();
    stirring.wait().unwrap();
    // What stands still now is what the next build has.
    let sums = format!("cd {folder}/src && find . -type f | sort | xargs md5sum | md5sum");
    let ours = client.daemon.world.sh(&sums).ok().to_owned();
    script(client, &format!("$C build -t still {folder}")).ok();
    let built = client
        .ok("run --rm still sh -c 'cd /src && find . -type f | sort | xargs md5sum | md5sum'");
    assert_eq!(built, ours.trim());
    let log = client.daemon.log_text();
    assert!(!log.contains("panicked"), "{log}");
}

fn a_client_that_is_killed_leaves_nothing(client: &Client) {
    let file = "FROM busybox AS one\nRUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t echo begun; sleep 1234\n\
                FROM busybox AS two\nCOPY src /src\nRUN --mount=type=bind,target=/m,rw touch /m/x; sleep 1235\n\
                FROM busybox\nCOPY --from=one / /one\nCOPY --from=two / /two\n";
    let at = context(client, file);
    let log = at.with_extension("log");
    client.ok("pull -q busybox");
    let before = remains(&client.daemon);
    kill_when(
        client,
        &format!("$C build {}", at.display()),
        " begun",
        &log,
    );
    nothing_remains(&client.daemon, &before);
    if client.program() == "docker" {
        let classic = format!("DOCKER_BUILDKIT=0 docker build {}", at.display());
        kill_when(client, &classic, "begun", &log);
        nothing_remains(&client.daemon, &before);
    }
    assert!(client.ok("builder prune -af").contains("Total"));
}

fn a_client_that_is_killed_while_it_sends_leaves_nothing(client: &Client) {
    let at = context(client, "FROM busybox\nCOPY src /src\n");
    client.ok("pull -q busybox");
    let before = remains(&client.daemon);
    // Larger than what travels until the kill, and no byte of it is on the disk.
    let make = format!("truncate -s 8G {}/src/huge", at.display());
    client.daemon.world.sh(&make).ok();
    let build = format!("$C build {}", at.display());
    let log = at.with_extension("log");
    kill_when(client, &build, "transferring context: [0-9.]*[MG]B", &log);
    nothing_remains(&client.daemon, &before);
    // What had come of it is no obstacle for the next one.
    fs::remove_file(at.join("src/huge")).unwrap();
    script(client, &format!("$C build -t next {}", at.display())).ok();
    assert_eq!(client.ok("run --rm next ls /src"), "a.txt\ndeep");
}

fn a_step_that_forks_for_ever_ends_with_its_client(client: &Client) {
    // Bounded for the machine's sake, not by the daemon.
    let limit = format!(
        "for d in /sys/fs/cgroup/pids /sys/fs/cgroup; do [ -d $d/{0} ] && echo 600 > $d/{0}/pids.max && exit 0; done; exit 1",
        client.daemon.world.name()
    );
    client.ok("run --rm busybox true");
    let before = remains(&client.daemon);
    client.daemon.world.sh(&limit).ok();
    let file = "FROM busybox\nRUN echo begun; bomb() { while :; do bomb & done; }; bomb 2>/dev/null; sleep 1236\n";
    let at = context(client, file);
    let build = format!("$C build {}", at.display());
    kill_when(client, &build, " begun", &at.with_extension("log"));
    nothing_remains(&client.daemon, &before);
    assert_eq!(client.ok("run --rm busybox echo fine"), "fine");
}

#[test]
fn a_killed_daemon_goes_on_where_it_was_with_the_stock_client() {
    a_killed_daemon_goes_on_where_it_was(Client::docker());
}

#[test]
fn a_killed_daemon_goes_on_where_it_was_with_our_client() {
    a_killed_daemon_goes_on_where_it_was(Client::gantry());
}

fn a_killed_daemon_goes_on_where_it_was(mut client: Client) {
    let file = "FROM busybox\nCOPY src /src\nRUN echo first > /first\n\
                ARG WAIT\nRUN [ -z \"$WAIT\" ] || { echo begun; sleep 1237; }\n";
    let at = context(&client, file);
    let (shown, log) = (at.display(), at.with_extension("log"));
    client.ok("pull -q busybox");
    let before = remains(&client.daemon);
    // Its socket outlives the daemon: a client may wait there for the next one.
    let begin = format!(
        "($C build --build-arg WAIT=1 {shown} > {0} 2>&1; echo \"code $?\" > {0}.end) </dev/null >/dev/null 2>&1 & \
         for i in $(seq 900); do grep -q ' begun' {0} && exit 0; sleep 0.05; done; exit 1",
        log.display()
    );
    script(&client, &begin).ok();
    client.daemon.kill_9();
    client.daemon.run();
    let end = format!("{}.end", log.display());
    eventually("the client ends", || {
        fs::metadata(&end).is_ok_and(|m| m.len() > 0)
    });
    let said = fs::read_to_string(&log).unwrap();
    assert_eq!(fs::read_to_string(&end).unwrap(), "code 1\n", "{said}");
    nothing_remains(&client.daemon, &before);
    let again = script(&client, &format!("$C build -t again {shown}"));
    again.ok();
    assert_eq!(
        again.stderr.matches(" CACHED\n").count(),
        3,
        "{}",
        again.stderr
    );
    assert_eq!(
        client.ok("run --rm again cat /first /src/a.txt"),
        "first\ncontent"
    );
}

/// 200,000 files: nothing grows with the square of them, and the many small messages about them are not taken for a flood.
fn very_many_files(client: &Client) {
    let at = context(
        client,
        "FROM busybox\nCOPY many /many\nRUN find /many -type f | wc -l > /count\n",
    );
    let folder = at.display();
    let make = format!(
        "cd {folder} && mkdir many && cd many && for d in $(seq 200); do mkdir $d; (cd $d; seq 1000 | xargs touch); done"
    );
    client.daemon.world.sh(&make).ok();
    let build = format!("$C buildx build -t many {folder} 2>&1");
    script(client, &build).ok();
    assert_eq!(client.ok("run --rm many cat /count"), "200000");
    fs::write(at.join("many/7/7"), "changed").unwrap();
    script(client, &build).ok();
    assert_eq!(client.ok("run --rm many cat /many/7/7"), "changed");
}
