//! Beside other firewalls: everything works, and theirs stay as they were but for our tagged rules.

use std::process::{Child, Command, Stdio};

use gantry_compat::matrix::Town;

use crate::harness::{Daemon, Run, eventually};

/// Somebody else's firewall.
struct Firewall {
    /// Sets it up in a world.
    up: &'static str,
    /// Loads it anew.
    reload: &'static str,
    /// Says that it is still itself.
    sane: &'static str,
}

const UFW: Firewall = Firewall {
    up: "mkdir $F/ufw $F/default; cp -a /etc/ufw/. $F/ufw; cp -a /etc/default/. $F/default
        mount --bind $F/ufw /etc/ufw; mount --bind $F/default /etc/default; mount -t tmpfs tmpfs /run
        ufw --force enable && ufw allow 22/tcp",
    reload: "ufw reload",
    sane: "ufw status | grep -q 'Status: active' && iptables-save >/dev/null && ip6tables-save >/dev/null",
};

const FIREWALLD: Firewall = Firewall {
    up: r#"mkdir $F/firewalld; cp -a /etc/firewalld/. $F/firewalld; mount --bind $F/firewalld /etc/firewalld
        mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/log; mkdir /run/dbus
        echo '<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
          <policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
          <allow send_destination="*"/><allow eavesdrop="true"/></policy></busconfig>' > /run/bus.conf
        setsid dbus-daemon --config-file=/run/bus.conf --nofork >/dev/null 2>&1 </dev/null &
        while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.1; done
        setsid firewalld --nofork --nopid >/run/firewalld.log 2>&1 </dev/null &
        for i in $(seq 200); do timeout 5 firewall-cmd --state >/dev/null 2>&1 && exit 0; sleep 0.1; done
        cat /run/firewalld.log >&2; exit 1"#,
    reload: "firewall-cmd --reload",
    sane: "firewall-cmd --state",
};

/// The rules that real Docker makes, without Docker.
const DOCKER: Firewall = Firewall {
    up: "modprobe -q ip_set; iptables-restore < $RULES/docker.v4 && ip6tables-restore < $RULES/docker.v6",
    reload: "iptables-restore < $RULES/docker.v4 && ip6tables-restore < $RULES/docker.v6",
    sane: "iptables-save >/dev/null && ip6tables-save >/dev/null && iptables -S DOCKER-USER",
};

/// A default that drops, and nothing else.
const DROP: Firewall = Firewall {
    up: "nft -f $RULES/drop.nft",
    reload: "nft flush ruleset; nft -f $RULES/drop.nft",
    sane: "nft list table inet strict",
};

#[test]
fn ufw() {
    all_works_beside(&UFW);
}

#[test]
fn firewalld() {
    all_works_beside(&FIREWALLD);
}

#[test]
fn the_rules_of_docker() {
    all_works_beside(&DOCKER);
}

#[test]
fn a_default_that_drops() {
    all_works_beside(&DROP);
}

fn all_works_beside(firewall: &Firewall) {
    let mut daemon = Daemon::prepared(r#"{"registry-mirrors": ["http://127.0.0.1:5000"]}"#);
    script(&daemon, firewall.up).ok();
    script(&daemon, firewall.reload).ok();
    let town = Town::around(daemon.world.inner_pid()).unwrap();
    let before = ruleset(&daemon);
    daemon.serve_registry();
    daemon.run();
    for command in [
        "network create --ipv6 net",
        "run -d --name web --network net -p 8080:80 busybox sh -c 'mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www'",
        "run -d --name peer --network net busybox sleep 1000",
    ] {
        daemon.gantry(command).ok();
    }
    let outside = Outside::serve(&town);
    everything_works(&daemon, &town);
    assert_eq!(ruleset(&daemon), before, "but for what is ours");
    script(&daemon, firewall.sane).ok();
    script(&daemon, firewall.reload).ok();
    everything_works(&daemon, &town);
    assert_eq!(ruleset(&daemon), before, "after a reload");
    daemon.gantry("rm -f web peer").ok();
    daemon.gantry("network rm net").ok();
    daemon.stop();
    drop(outside);
    let after = daemon.world.sh("nft list ruleset").ok().to_owned();
    assert!(!after.contains("gantry"), "{after}");
    assert_eq!(ruleset(&daemon), before, "at the end");
}

fn everything_works(daemon: &Daemon, town: &Town) {
    eventually("another host reaches the published port", || {
        page(town.at_client("curl"), "http://198.51.100.1:8080/")
            && page(town.at_client("curl"), "http://[2001:db8:1::1]:8080/")
    });
    assert!(page(town.at_host("curl"), "http://127.0.0.1:8080/"));
    assert!(page(town.at_host("curl"), "http://198.51.100.1:8080/"));
    let peer = |url: &str| daemon.gantry(&format!("exec peer timeout 20 wget -qO- {url}"));
    assert_eq!(peer("http://web/").ok(), "page");
    assert_eq!(peer("http://198.51.100.1:8080/").ok(), "page");
    // Its server may just have been started.
    eventually("a container reaches another host", || {
        peer("http://203.0.113.2:9000/")
            .stdout
            .contains("Directory")
    });
}

/// Whether a curl somewhere gets the page.
pub(super) fn page(mut curl: Command, url: &str) -> bool {
    curl.args(["-fs", "--max-time", "5", url]);
    Run::of(curl).stdout == "page\n"
}

fn script(daemon: &Daemon, text: &str) -> Run {
    let mut command = daemon.world.command("bash");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/src/network/rules");
    command.args(["-uc", text]).env("RULES", rules);
    command.env("F", daemon.world.folder());
    Run::of(command)
}

/// All rules but ours, without what they counted.
pub(super) fn ruleset(daemon: &Daemon) -> String {
    let text = daemon.world.sh("nft list ruleset").ok().to_owned();
    let mut kept = Vec::new();
    let mut ours = false;
    for line in text.lines() {
        ours |= line.starts_with("table ip gantry") || line.starts_with("table ip6 gantry");
        let tagged = line.contains("comment \"by table ip");
        if !ours && !tagged && !line.starts_with('#') {
            kept.push(without_counts(line));
        }
        ours &= line != "}";
    }
    kept.join("\n").trim_end().to_owned()
}

fn without_counts(line: &str) -> String {
    let mut words = line.split(' ').peekable();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        kept.push(word);
        if (word == "packets" || word == "bytes") && words.peek().is_some() {
            words.next();
        }
    }
    kept.join(" ")
}

/// A web server of the client's.
pub(super) struct Outside(Child);

impl Outside {
    pub(super) fn serve(town: &Town) -> Self {
        let mut command = town.at_client("python3");
        command.args(["-m", "http.server", "9000"]);
        let folder = std::env::temp_dir();
        command.args(["--bind", "203.0.113.2"]).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
