//! Terminals, pipes and logs.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::harness::{Client, eventually, through_both};

through_both!(
    a_terminal_is_one_inside_and_outside,
    logs_are_kept_cut_stamped_and_followed,
    exec_enters_a_running_container,
    attach_joins_and_leaves_by_the_detach_keys,
    detach_keys_are_chosen_by_option_or_habit,
);

fn a_terminal_is_one_inside_and_outside(client: &Client) {
    let run = client.on_terminal("run --rm -it busybox sh -c 'tty; stty size; exit 5'", "");
    run.exits(5);
    assert!(run.stdout.contains("/dev/pts/0"), "{}", run.stdout);
    let plain = client.run("run --rm -t busybox tty");
    assert_eq!(plain.ok(), "/dev/pts/0");
    let refused = client.run("run --rm -it busybox tty");
    refused.exits(1).says("the input device is not a TTY");
}

fn logs_are_kept_cut_stamped_and_followed(client: &Client) {
    client.ok("run --name talks busybox sh -c 'echo one; echo two >&2; sleep 0.2; echo three'");
    let logs = client.run("logs talks");
    assert_eq!(logs.ok(), "one\nthree");
    assert_eq!(logs.stderr, "two\n");
    assert_eq!(client.ok("logs --tail 1 talks"), "three");
    let stamped = client.ok("logs -t --tail 1 talks");
    let (stamp, text) = stamped.split_once(' ').unwrap();
    assert!(stamp.ends_with('Z') && stamp.contains('T'), "{stamped}");
    assert_eq!(text, "three");
    client.ok("run -d --name goes-on busybox sh -c 'echo a; until [ -e /go ]; do sleep 0.01; done; echo b'");
    let script = "($C logs -f goes-on; echo end) & $C exec goes-on touch /go; wait";
    assert_eq!(client.script(script, "").ok(), "a\nb\nend");
}

fn exec_enters_a_running_container(client: &Client) {
    client.ok("run -d --name host -e A=1 busybox sleep 1000");
    assert_eq!(
        client.ok("exec -e B=2 -w /etc -u 12:34 host sh -c 'echo $A$B $(pwd) $(id -u):$(id -g)'"),
        "12 /etc 12:34"
    );
    client.run("exec host sh -c 'exit 9'").exits(9);
    assert_eq!(
        client.with_input("exec -i host cat", "through exec").ok(),
        "through exec"
    );
    let terminal = client.on_terminal("exec -it host tty", "");
    assert!(terminal.ok().contains("/dev/pts/"), "{}", terminal.stdout);
    // As Docker does: the reason comes through the stream that was asked for.
    let missing = client.run("exec host no-such");
    assert!(
        missing
            .exits(127)
            .stdout
            .contains("executable file not found in $PATH")
    );
    client.run("exec host /etc").exits(126);
    client.ok("exec -d host touch /made");
    eventually("the detached command has run", || {
        client.run("exec host test -e /made").code == 0
    });
    client.ok("kill host");
    client.run("exec host true").exits(1).says("is not running");
    client
        .run("exec nobody true")
        .exits(1)
        .says("No such container: nobody");
}

fn attach_joins_and_leaves_by_the_detach_keys(client: &Client) {
    client.ok("run -d -i --name reads busybox sh -c 'read line; echo got $line; exit 3'");
    // A client whose input has ended is let go at once, as by Docker; this input stays open.
    let fifo = client.daemon.world.folder().join("fifo");
    let script = format!(
        "mkfifo {0}; exec 9<>{0}; echo a line >&9; $C attach reads <{0}",
        fifo.display()
    );
    let attached = client.script(&script, "");
    assert_eq!(attached.exits(3).stdout, "got a line\n");

    client.ok("run -d -it --name stays busybox cat");
    leaves_by(client, "attach stays", b"\x10\x11");
    assert_eq!(client.inspect("stays", ".State.Running"), "true");
}

fn detach_keys_are_chosen_by_option_or_habit(client: &Client) {
    let folder = client.daemon.world.folder().join("docker");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.json"), r#"{"detachKeys": "ctrl-x,y"}"#).unwrap();
    client.ok("pull -q busybox");
    for (args, keys) in [
        (
            "run -it --name box busybox sh -c 'echo ready; cat'",
            &b"\x18y"[..],
        ),
        ("attach box", b"\x18y"),
        ("attach --detach-keys ctrl-e,q box", b"\x05q"),
        (
            "exec -it --detach-keys ctrl-e box sh -c 'echo ready; cat'",
            b"\x05",
        ),
        ("exec -it box sh -c 'echo ready; cat'", b"\x18y"),
    ] {
        leaves_by(client, args, keys);
        assert_eq!(client.inspect("box", ".State.Running"), "true", "{args}");
    }
}

/// Talks to `cat` through a client on a terminal until that works, then types these keys; the client ends.
fn leaves_by(client: &Client, args: &str, leave: &[u8]) {
    let mut attach = terminal(client, args);
    let mut keys = attach.stdin.take().unwrap();
    let mut output = attach.stdout.take().unwrap();
    let mut seen = String::new();
    let mut until = |text: &str, times: usize| {
        while seen.matches(text).count() < times {
            let mut some = [0; 256];
            let n = output.read(&mut some).unwrap();
            assert_ne!(n, 0, "{args}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&some[..n]));
        }
    };
    // What is typed before the client has the terminal may be lost.
    if args.contains("ready") {
        until("ready", 1);
    }
    keys.write_all(b"hello\n").unwrap();
    // The terminal's echo, and then what cat says.
    until("hello", 2);
    keys.write_all(leave).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    attach.wait().unwrap();
}

fn terminal(client: &Client, args: &str) -> std::process::Child {
    let mut command: Command = client.command("timeout");
    let typed = format!("{} {args}", client.program());
    command.args(["--foreground", "90", "script", "-qec", &typed, "/dev/null"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}
