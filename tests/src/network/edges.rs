//! Where there is no room, no way and no end to a name.

use std::process::Stdio;

use gantry_compat::matrix::Town;

use super::neighbours::page;
use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    all_exposed_ports_are_published,
    names_of_ten_thousand_characters,
);

const SERVE: &str = "mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www";

fn all_exposed_ports_are_published(client: &Client) {
    client.ok(&format!(
        "run -d --name web -P --expose 80 --expose 5000-5001/udp busybox sh -c '{SERVE}'"
    ));
    let ports = client.ok("port web");
    for inside in ["80/tcp -> 0.0.0.0:", "5000/udp -> ", "5001/udp -> "] {
        assert!(ports.contains(inside), "{ports}");
    }
    let port = client.ok("port web 80/tcp");
    let port = port.lines().next().unwrap().rsplit(':').next().unwrap();
    let get = format!("curl -fs --max-time 20 http://127.0.0.1:{port}/");
    eventually("the published port answers", || {
        client.daemon.world.sh(&get).stdout == "page\n"
    });
    // Others at the next start would be as good; it has some.
    client.ok("restart -t 0 web");
    assert_eq!(
        client.ok("port web").matches("80/tcp").count(),
        ports.matches("80/tcp").count()
    );
    client.ok("rm -f web");
}

fn names_of_ten_thousand_characters(client: &Client) {
    client.ok("network create net");
    client.ok("volume create data");
    let long = "n".repeat(10_000);
    let volumes = client.ok("volume ls -q");
    let cases = [
        (format!("volume create {long}"), "invalid"),
        (format!("volume create -d {long} x1"), "not found"),
        (format!("volume create -o {long}=1 x1"), "invalid option"),
        (format!("network create -d {long} x1"), "not found"),
        (format!("network create -o {long}=1 x1"), "unknown option"),
        (
            format!("network create -o parent={long} -d macvlan x1"),
            "invalid",
        ),
        (format!("network create --subnet {long} x1"), "invalid"),
        (format!("network rm {long}"), "not found"),
        (format!("network connect {long} x1"), "x1"),
        (
            format!("run --rm --hostname {long} busybox true"),
            "hostname",
        ),
        (format!("run --rm -v {long}:/x busybox true"), "invalid"),
        (format!("run --rm -v data:/{long} busybox true"), "too long"),
        (format!("run --rm -v /{long}:/x busybox true"), "too long"),
        (
            format!(
                "run --rm --mount type=volume,source=data,target=/x,volume-subpath={long} busybox true"
            ),
            "too long",
        ),
        (
            format!("run --rm --add-host {long} busybox true"),
            "add-host",
        ),
        (format!("run --rm --link {long} busybox true"), "nnn"),
        (format!("run --rm --dns {long} busybox true"), "invalid"),
        (format!("run --rm -p {long}:80 busybox true"), "invalid"),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(args, why)| {
            let said = client.run(args);
            let fine = said.code != 0 && said.stderr.to_lowercase().contains(why);
            let shown: String = said.stderr.chars().take(300).collect();
            (!fine).then(|| {
                format!(
                    "{} ...: no {why:?}, but {}: {shown}",
                    &args[..40],
                    said.code
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(client.ok("ps -aq"), "", "nothing half-made");
    assert_eq!(client.ok("volume ls -q"), volumes);
    assert_eq!(client.ok("network ls -q -f type=custom").lines().count(), 1);
    // As a label, and as an alias that nobody can ask for, it is as good as another.
    client.ok(&format!(
        "run --rm --network net --network-alias {long} busybox true"
    ));
    client.ok(&format!("network create --label {long}=1 labelled"));
    client.ok("network rm labelled net");
    client.ok("volume rm data");
}

#[test]
fn where_no_pool_has_room_a_network_to_prune_is_named() {
    let daemon = Daemon::with_registry_and(&serde_json::json!({
        "default-address-pools": [{"base": "10.50.0.0/24", "size": 26}]
    }));
    // The default bridge has the first of four.
    for name in ["used", "idle", "other"] {
        daemon.gantry(&format!("network create {name}")).ok();
    }
    let sleep = |network: &str| {
        format!("run -d --name on-{network} --network {network} busybox sleep 1000")
    };
    daemon.gantry(&sleep("used")).ok();
    let refused = || daemon.gantry("network create late");
    refused()
        .fails()
        .says("could not find an available, non-overlapping IPv4 address pool")
        .says("(network prune), such as idle,");
    for name in ["idle", "other"] {
        daemon.gantry(&sleep(name)).ok();
    }
    refused()
        .fails()
        .says("all networks are in use")
        .says("such as used,");
    daemon.gantry("rm -f on-idle").ok();
    let pruned = daemon.gantry("network prune -f").ok().to_owned();
    assert!(
        pruned.contains("idle") && !pruned.contains("used"),
        "{pruned}"
    );
    daemon.gantry("network create late").ok();
    let subnet = "network inspect -f '{{(index .IPAM.Config 0).Subnet}}' late";
    assert_eq!(daemon.gantry(subnet).ok(), "10.50.0.128/26");
}

/// An nft process that owns a table, which nobody else can change (kernel 5.12).
fn own_a_table(daemon: &Daemon) -> std::process::Child {
    let mut command = daemon.world.command("nft");
    command.arg("-i").stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut owner = command.spawn().unwrap();
    let rules = "add table inet strict { flags owner; }\n\
        add chain inet strict pass { type filter hook forward priority 0; policy drop; }\n";
    std::io::Write::write_all(owner.stdin.as_mut().unwrap(), rules.as_bytes()).unwrap();
    eventually("the table is there", || {
        daemon
            .world
            .sh("nft list table inet strict")
            .stdout
            .contains("policy drop")
    });
    owner
}

#[test]
fn a_chain_that_cannot_be_opened_is_named() {
    let mut daemon = Daemon::prepared("{}");
    let mut owner = own_a_table(&daemon);
    daemon.run();
    let info = daemon.gantry("info");
    info.says("WARNING: chain pass of table inet strict drops what is forwarded and cannot be opened for containers");
    // It is looked at again when rules change.
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("it is named no more", || {
        !daemon.gantry("info").stderr.contains("cannot be opened")
    });
}

#[test]
fn the_hosts_input_rules_hold_where_they_are_asked_to() {
    let daemon = Daemon::prepared("{}");
    let town = Town::around(daemon.world.inner_pid()).unwrap();
    let script = "echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter
        nft add table inet host
        nft 'add chain inet host input { type filter hook input priority 0; policy drop; }'
        nft add rule inet host input ct state established,related accept
        nft add rule inet host input iif lo accept
        nft add rule inet host input meta l4proto ipv6-icmp accept
        nft add rule inet host input tcp dport 8081 accept";
    daemon.world.sh(script).ok();
    let daemon = daemon.with_mirror_and(&serde_json::json!({"firewall": "honor-input"}));
    daemon
        .gantry(&format!(
            "run -d --name web -p 8080:80 -p 8081:80 busybox sh -c '{SERVE}'"
        ))
        .ok();
    let reached = |port: u16| {
        page(
            town.at_client("curl"),
            &format!("http://198.51.100.1:{port}/"),
        )
    };
    eventually("what INPUT lets in is reached", || reached(8081));
    assert!(!reached(8080), "what it does not let in is not");
    let here = |url: &str| page(town.at_host("curl"), url);
    assert!(
        here("http://127.0.0.1:8080/"),
        "the host itself is asked nothing"
    );
    daemon
        .world
        .sh("nft add rule inet host input tcp dport 8080 accept")
        .ok();
    eventually("a rule counts from when it is there", || reached(8080));
}

/// A file of the host where a folder is wanted, and the other way round.
#[test]
fn a_file_is_no_folder() {
    let daemon = Daemon::with_registry();
    let folder = daemon.world.folder().display().to_string();
    daemon
        .world
        .sh(&format!("echo x > {folder}/file; mkdir {folder}/folder"))
        .ok();
    for mount in [
        format!("-v {folder}/file:/etc"),
        format!("-v {folder}/folder:/etc/passwd"),
        format!("-v {folder}/file/below:/x"),
    ] {
        let run = daemon.gantry(&format!("run --rm {mount} busybox true"));
        run.fails().says("irectory");
    }
    let below = format!("--mount type=bind,source={folder}/file/below,target=/x");
    daemon
        .gantry(&format!("run --rm {below} busybox true"))
        .fails()
        .says("bind source path does not exist");
    daemon
        .gantry(&format!(
            "volume create -o type=none -o o=bind -o device={folder}/file data"
        ))
        .ok();
    daemon
        .gantry("run --rm -v data:/d busybox true")
        .fails()
        .says("failed to mount local volume")
        .says("irectory");
    assert_eq!(daemon.gantry("ps -aq").ok(), "");
}
