//! The name server at 127.0.0.11 and the servers that it asks: dead ones, slow ones, liars, and
//! whoever floods it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Daemon, Run, eventually};

/// A world with name servers outside and a container `one` that asks them.
struct Setting {
    daemon: Daemon,
    servers: Vec<Child>,
}

/// Addresses of the world outside: two name servers, one without any, one that swallows questions.
const FIRST: &str = "10.66.0.1";
const SECOND: &str = "10.66.0.2";
const REFUSING: &str = "10.66.0.3";
const DEAD: &str = "10.66.1.1";

impl Setting {
    fn new() -> Self {
        let daemon = Daemon::with_registry();
        let script = "ip link add outer type veth peer name wire; ip link set wire up; ip addr add 10.66.0.1/24 dev outer; ip addr add 10.66.0.2/24 dev outer; ip addr add 10.66.0.3/24 dev outer; ip link set outer up; ip route add 10.66.1.0/24 dev outer; ip neigh add 10.66.1.1 lladdr 02:00:00:00:00:01 dev outer";
        daemon.world.sh(script).ok();
        let servers = [(FIRST, "first"), (SECOND, "second")].map(|(address, name)| {
            let mut command = daemon.world.command("python3");
            command.arg(program("upstream.py")).args([address, name]);
            let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
            let mut ready = [0; 5];
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
            child
        });
        daemon.gantry("network create net").ok();
        Self {
            daemon,
            servers: servers.into(),
        }
    }

    fn ok(&self, args: &str) -> String {
        self.daemon.gantry(args).ok().to_owned()
    }

    /// A container that asks these servers.
    fn container(&self, name: &str, servers: &[&str]) -> Asker<'_> {
        let dns: String = servers.iter().map(|s| format!(" --dns {s}")).collect();
        self.ok(&format!(
            "run -d --name {name} --network net{dns} busybox sleep 1000"
        ));
        Asker {
            setting: self,
            pid: self.ok(&format!("inspect -f '{{{{.State.Pid}}}}' {name}")),
        }
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// A container as who asks.
struct Asker<'a> {
    setting: &'a Setting,
    pid: String,
}

/// What came back.
#[derive(Debug)]
struct Told {
    /// `CODE cut|whole ANSWERS FIRST`
    text: String,
    took: f32,
}

impl Asker<'_> {
    fn command(&self, script: &str) -> Command {
        let mut command = self.setting.daemon.world.command("nsenter");
        command.args(["-t", &self.pid, "-n", "python3"]);
        command.arg(program(script));
        command
    }

    #[track_caller]
    fn ask(&self, question: &str) -> Told {
        let mut command = self.command("ask.py");
        command.args(question.split(' '));
        let said = Run::of(command).ok().to_owned();
        let (text, took) = said.rsplit_once(' ').unwrap();
        Told {
            text: text.to_owned(),
            took: took.parse().unwrap(),
        }
    }

    #[track_caller]
    fn hears(&self, question: &str, answer: &str) {
        assert_eq!(self.ask(question).text, answer, "{question}");
    }
}

fn program(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src/network", name]
        .iter()
        .collect()
}

#[test]
fn liars_are_not_believed_and_the_next_server_is_asked() {
    let setting = Setting::new();
    let one = setting.container("one", &[FIRST, SECOND]);
    one.hears("udp plain.test", "0 whole 1 10.1.1.9");
    one.hears("tcp plain.test", "0 whole 1 10.1.1.11");
    // Another number, another question, the question itself, nothing: then the truth.
    one.hears("udp lies.test", "0 whole 1 10.1.1.2");
    one.hears("udp slow.test", "0 whole 1 10.1.1.1");
    // A server that fails is one that does not know; that a name is nowhere is an answer.
    one.hears("udp servfail.test", "0 whole 1 10.1.1.3");
    one.hears("udp nowhere.test", "3 whole 0 -");
    // Only lies: a failure is told, before whoever asks has given up.
    let told = one.ask("udp onlylies.test");
    assert_eq!(told.text, "2 whole 0 -");
    assert!(told.took < 20.0, "{told:?}");
    one.hears("tcp cut.test", "2 whole 0 -");
}

#[test]
fn answers_that_are_too_long_come_over_tcp() {
    let setting = Setting::new();
    let one = setting.container("one", &[FIRST]);
    one.hears("udp truncated.test", "0 cut 0 -");
    one.hears("tcp truncated.test", "0 whole 300 10.0.0.9");
    one.hears("tcp huge.test", "0 whole 4000 10.0.0.9");
    // Longer than what was asked for, from a server that does not mind.
    one.hears("udp large.test 4096", "0 whole 200 10.0.0.9");
    one.hears("udp large.test", "0 cut 0 -");
    one.hears("udp large.test 1232", "0 cut 0 -");
}

#[test]
fn dead_servers_are_asked_last() {
    let setting = Setting::new();
    let one = setting.container("one", &[DEAD, FIRST]);
    let begun = Instant::now();
    one.hears("udp plain.test", "0 whole 1 10.1.1.9");
    let first = begun.elapsed();
    let quick = (0..5).any(|_| {
        let told = one.ask("udp plain.test");
        assert_eq!(told.text, "0 whole 1 10.1.1.9");
        told.took < 0.5
    });
    assert!(quick, "after {first:?} the dead server is known");
    // A refusal is told at once, and so is the next server.
    let two = setting.container("two", &[REFUSING, SECOND]);
    two.hears("udp plain.test", "0 whole 1 10.1.1.10");
    // None left: a failure, not silence; what is ours stays known.
    let three = setting.container("three", &[DEAD]);
    three.hears("udp plain.test", "2 whole 0 -");
    three.hears("tcp plain.test", "2 whole 0 -");
    assert!(three.ask("udp one").text.starts_with("0 whole 1 172."));
}

#[test]
fn search_lists_and_options_reach_the_programs() {
    let setting = Setting::new();
    let run = format!(
        "run --rm --network net --dns {FIRST} --dns-search corp.test --dns-search lab.test --dns-option ndots:2 debian"
    );
    let file = setting.ok(&format!("{run} cat /etc/resolv.conf"));
    assert!(file.contains("nameserver 127.0.0.11"), "{file}");
    assert!(file.contains("search corp.test lab.test"), "{file}");
    assert!(file.contains("ndots:2"), "{file}");
    // `nowhere` is nowhere below any domain; `db` is found below the first.
    let found = setting.ok(&format!("{run} getent ahostsv4 db"));
    assert!(
        found.starts_with("10.1.1.9") && found.contains("db.corp.test"),
        "{found}"
    );
    let gone = setting
        .daemon
        .gantry(&format!("{run} getent ahostsv4 nowhere"));
    gone.exits(2);
}

#[test]
fn several_bearers_of_a_name_take_turns_and_addresses_have_names() {
    let setting = Setting::new();
    let one = setting.container("one", &[FIRST]);
    for n in 0..3 {
        setting.ok(&format!(
            "run -d --name app{n} --network net --network-alias app busybox sleep 1000"
        ));
    }
    let firsts: std::collections::BTreeSet<String> = (0..9)
        .map(|_| {
            let told = one.ask("udp app");
            assert!(told.text.starts_with("0 whole 3 "), "{told:?}");
            told.text
        })
        .collect();
    assert_eq!(firsts.len(), 3, "{firsts:?}");
    let address = setting.ok("inspect -f '{{.NetworkSettings.Networks.net.IPAddress}}' app1");
    let named = setting.ok(&format!(
        "run --rm --network net busybox nslookup {address}"
    ));
    assert!(named.contains("app1.net"), "{named}");
}

#[test]
fn a_flood_of_nonsense_costs_nobody_the_answer() {
    let setting = Setting::new();
    let one = setting.container("one", &[FIRST, DEAD]);
    let two = setting.container("two", &[FIRST]);
    let memory = || {
        let pid = setting.daemon.pid();
        let script = format!("grep VmRSS /proc/{pid}/status | tr -dc 0-9");
        setting
            .daemon
            .world
            .sh(&script)
            .ok()
            .parse::<u64>()
            .unwrap()
    };
    let before = memory();
    let mut flood = one.command("flood.py");
    let mut flood = flood.arg("60000").stdout(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let mut asked = 0;
    // Whoever else asks is answered meanwhile.
    while flood.try_wait().unwrap().is_none() {
        assert!(two.ask("udp one").text.starts_with("0 whole 1 172."));
        two.hears("udp plain.test", "0 whole 1 10.1.1.9");
        asked += 1;
        assert!(begun.elapsed() < Duration::from_secs(300), "the flood ends");
    }
    assert!(flood.wait().unwrap().success());
    assert!(asked > 0);
    // So is who flooded, once it stops.
    assert!(one.ask("udp two").text.starts_with("0 whole 1 172."));
    one.hears("tcp plain.test", "0 whole 1 10.1.1.11");
    let after = memory();
    assert!(
        after < before + 40_000,
        "KiB: {before} before, {after} after"
    );
    assert!(!setting.daemon.log_text().contains("panicked"));
}

#[test]
fn a_connection_made_while_no_daemon_is_there_is_answered_late() {
    let mut setting = Setting::new();
    let pid = setting.container("one", &[FIRST]).pid;
    setting.daemon.kill_9();
    let spawn = |question: &str| {
        let asker = Asker {
            setting: &setting,
            pid: pid.clone(),
        };
        let mut command = asker.command("ask.py");
        command.args(question.split(' ')).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut asking = ["tcp one", "udp plain.test", "tcp plain.test"].map(spawn);
    for child in &mut asking {
        let mut word = [0; 5];
        std::io::Read::read_exact(child.stderr.as_mut().unwrap(), &mut word).unwrap();
        assert_eq!(&word, b"asked");
    }
    setting.daemon.run();
    let answers = asking.map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    });
    assert!(answers[0].starts_with("0 whole 1 172."), "{answers:?}");
    assert!(answers[1].starts_with("0 whole 1 10.1.1.9 "), "{answers:?}");
    assert!(
        answers[2].starts_with("0 whole 1 10.1.1.11 "),
        "{answers:?}"
    );
    eventually("the daemon lives", || setting.daemon.gantry("ps").code == 0);
}
