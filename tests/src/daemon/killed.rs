//! Containers outlive their daemon.

use std::io::Read;
use std::process::Stdio;

use crate::harness::{Daemon, Run, eventually};

fn page(daemon: &Daemon) -> Run {
    daemon.world.sh("curl -fs http://127.0.0.1:8080/")
}

#[test]
fn a_container_runs_on_while_the_daemon_is_gone() {
    let mut daemon = Daemon::with_registry();
    daemon.gantry("run -d --name web -p 8080:80 nginx").ok();
    eventually("nginx answers", || page(&daemon).code == 0);
    let before = daemon
        .gantry("inspect -f '{{.State.Pid}} {{.State.StartedAt}}' web")
        .ok()
        .to_owned();
    daemon.kill_9();

    assert!(page(&daemon).ok().contains("Welcome to nginx!"));
    daemon
        .world
        .sh("curl -s http://127.0.0.1:8080/while-no-daemon-was-there")
        .ok();
    daemon.run();

    let after = daemon.gantry("inspect -f '{{.State.Pid}} {{.State.StartedAt}}' web");
    assert_eq!(after.ok(), before);
    assert!(daemon.gantry("ps").ok().contains("0.0.0.0:8080->80/tcp"));
    let logs = || daemon.gantry("logs web").stdout;
    eventually("the log went on", || {
        logs().contains("while-no-daemon-was-there")
    });
    assert!(page(&daemon).code == 0);
    assert_eq!(daemon.gantry("exec web echo inside").ok(), "inside");
    // The port is still taken, and is free afterwards.
    daemon
        .gantry("run --rm -p 8080:80 busybox true")
        .exits(125)
        .says("8080");
    daemon.gantry("stop web").ok();
    assert_eq!(
        daemon
            .gantry("inspect -f '{{.State.Status}} {{.State.ExitCode}}' web")
            .ok(),
        "exited 0"
    );
    assert_ne!(page(&daemon).code, 0);
    daemon.gantry("start web").ok();
    eventually("nginx answers again", || page(&daemon).code == 0);
    daemon.gantry("rm -f web").ok();
    assert_ne!(page(&daemon).code, 0);
}

#[test]
fn what_ended_while_no_daemon_was_there_has_its_exit_code() {
    let mut daemon = Daemon::with_registry();
    let go = daemon.world.folder().join("go");
    std::fs::create_dir(&go).unwrap();
    let options = format!("-v {}:/go", go.display());
    let script = "until [ -e /go/now ]; do sleep 0.01; done; echo last words";
    daemon
        .gantry(&format!(
            "run -d --name ends {options} busybox sh -c '{script}; exit 23'"
        ))
        .ok();
    daemon
        .gantry(&format!(
            "run -d --rm --name goes {options} busybox sh -c '{script}'"
        ))
        .ok();
    // A marker of its own: it takes it away when it ends, to live on after its restart.
    let again = script.replace("/go/now", "/go/again");
    daemon
        .gantry(&format!(
            "run -d --restart always --name again {options} busybox sh -c '{again}; rm /go/again; exit 1'"
        ))
        .ok();
    let pid = daemon
        .gantry("inspect -f '{{.State.Pid}}' ends")
        .ok()
        .to_owned();
    let first_run = daemon
        .gantry("inspect -f '{{.State.Status}} {{.State.Pid}}' again")
        .ok()
        .to_owned()
        + "\n";
    daemon.kill_9();
    std::fs::write(go.join("now"), "").unwrap();
    std::fs::write(go.join("again"), "").unwrap();
    eventually("the container has ended", || {
        daemon.world.sh(&format!("test -e /proc/{pid}")).code != 0
    });
    eventually("the other one too", || !go.join("again").exists());
    daemon.run();
    let state = || {
        daemon
            .gantry("inspect -f '{{.State.Status}} {{.State.ExitCode}}' ends")
            .stdout
    };
    eventually("the end is known", || state() == "exited 23\n");
    assert_eq!(daemon.gantry("logs ends").ok(), "last words");
    assert_eq!(daemon.gantry("wait ends").ok(), "23");
    eventually("--rm holds also then", || {
        daemon.gantry("inspect goes").code == 1
    });
    let again = "inspect -f '{{.State.Status}} {{.State.Pid}}' again";
    eventually("the restart policy holds also then", || {
        let now = daemon.gantry(again).stdout;
        now.starts_with("running") && now != first_run
    });
}

#[test]
fn an_attached_client_continues() {
    let mut daemon = Daemon::with_registry();
    let go = daemon.world.folder().join("go");
    std::fs::create_dir(&go).unwrap();
    let script = "until [ -e /go/now ]; do echo one; sleep 0.05; done; echo two";
    daemon
        .gantry(&format!(
            "run -d --name talks -v {}:/go busybox sh -c '{script}'",
            go.display()
        ))
        .ok();
    // Once `attach` shows something it asks the daemon for nothing else; `run` may at that moment
    // still wait for the answer to its start.
    let mut command = daemon.client_command("docker");
    command.args(["attach", "--no-stdin", "talks"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut client = command.spawn().unwrap();
    let mut output = client.stdout.take().unwrap();
    let mut line = [0; 4];
    output.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"one\n");
    daemon.kill_9();
    std::fs::write(go.join("now"), "").unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    client.wait().unwrap();
    assert!(rest.ends_with("two\n"), "{rest}");
    assert_eq!(rest.replace("one\n", ""), "two\n");
    daemon.run();
    assert!(daemon.gantry("logs talks").ok().ends_with("one\ntwo"));
}

#[test]
fn a_clean_stop_and_start_changes_nothing_either() {
    let mut daemon = Daemon::with_registry();
    daemon.gantry("run -d --name web -p 8080:80 nginx").ok();
    daemon
        .gantry("run --name done busybox sh -c 'exit 9'")
        .exits(9);
    daemon.gantry("create --name never busybox").ok();
    eventually("nginx answers", || page(&daemon).code == 0);
    daemon.stop();
    daemon.run();
    eventually("nginx answers", || page(&daemon).code == 0);
    let states = daemon
        .gantry("ps -a --format '{{.Names}} {{.State}}'")
        .ok()
        .to_owned();
    let mut states: Vec<&str> = states.lines().collect();
    states.sort_unstable();
    assert_eq!(states, ["done exited", "never created", "web running"]);
    assert_eq!(
        daemon.gantry("inspect -f '{{.State.ExitCode}}' done").ok(),
        "9"
    );
    daemon.gantry("start -a done").exits(9);
    daemon.gantry("rm -f web done never").ok();
}

#[test]
fn a_socket_in_a_container_stays_valid() {
    let mut daemon = Daemon::with_registry();
    let socket = daemon.socket().display().to_string();
    let mount = format!("-v {socket}:/var/run/docker.sock");
    daemon
        .gantry(&format!("run -d --name inner {mount} busybox sleep 1000"))
        .ok();
    let ask = "curl -fs --unix-socket \
        /proc/$($GANTRY inspect -f '{{.State.Pid}}' inner)/root/var/run/docker.sock http://d/_ping";
    let ping = |daemon: &Daemon| daemon.script(ask, "").stdout;
    assert_eq!(ping(&daemon), "OK");
    daemon.kill_9();
    daemon.run();
    assert_eq!(ping(&daemon), "OK");
    daemon.stop();
    daemon.run();
    assert_eq!(ping(&daemon), "OK");
}
