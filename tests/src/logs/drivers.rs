//! Drivers that keep logs here, and what is refused.

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    options_are_checked_in_dockers_words,
    attributes_are_shown_as_details,
    the_local_driver_keeps_every_byte,
    what_no_driver_keeps_cannot_be_read,
    old_files_are_compressed_and_read,
);

fn options_are_checked_in_dockers_words(client: &Client) {
    for (options, words) in [
        (
            "--log-driver awslogs",
            "logger: no log driver named 'awslogs' is registered",
        ),
        (
            "--log-opt max-sise=1m",
            "unknown log opt 'max-sise' for json-file log driver",
        ),
        (
            "--log-opt mode=fast",
            "logger: logging mode not supported: fast",
        ),
        ("--log-driver gelf", "gelf-address is a required parameter"),
        (
            "--log-driver syslog --log-opt syslog-facility=nope",
            "invalid syslog facility",
        ),
        ("--log-opt max-size=abc", "invalid size: 'abc'"),
        ("--log-opt 'tag={{.Nope}}'", "template: log-tag:"),
    ] {
        let refused = client.run(&format!("create --name refused {options} busybox"));
        refused.exits(1).says(words);
    }
    assert_eq!(client.ok("ps -aq"), "");
}

fn attributes_are_shown_as_details(client: &Client) {
    let options = "--label team='a b' -e STAGE=prod --log-opt labels=team --log-opt env=STAGE \
                   --log-opt tag={{.Name}}";
    client.ok(&format!("run --name json {options} busybox echo hi"));
    assert_eq!(
        client.ok("logs --details json"),
        "STAGE=prod,tag=json,team=a+b hi"
    );
    assert_eq!(client.ok("logs json"), "hi");
    let local = format!("run --name local --log-driver local {options} busybox echo hi");
    client.ok(&local);
    assert_eq!(
        client.ok("logs --details local"),
        "STAGE=prod,tag=local,team=a+b hi"
    );
    let path = client.inspect("json", ".LogPath");
    let line = std::fs::read_to_string(path).unwrap();
    let attrs = r#""attrs":{"STAGE":"prod","tag":"json","team":"a b"},"time":"#;
    assert!(line.contains(attrs), "{line}");
    assert_eq!(client.inspect("local", ".LogPath"), "");
}

fn the_local_driver_keeps_every_byte(client: &Client) {
    let print = r"printf '\377\0 x\n'; printf '\200 without an end'";
    client.ok(&format!(
        "run --name bytes --log-driver local busybox sh -c \"{print}\""
    ));
    let sum = client.script(&format!("({print}) | md5sum; $C logs bytes | md5sum"), "");
    let sums: Vec<&str> = sum.ok().lines().collect();
    assert_eq!(sums[0], sums[1]);
}

fn what_no_driver_keeps_cannot_be_read(client: &Client) {
    client.ok("run --name silent --log-driver none busybox echo x");
    let words = "configured logging driver does not support reading";
    client.run("logs silent").exits(1).says(words);
    let remote = "--log-driver syslog --log-opt syslog-address=udp://127.0.0.1:9 \
                  --log-opt cache-disabled=true";
    client.ok(&format!("run --name remote {remote} busybox echo x"));
    client.run("logs remote").exits(1).says(words);
}

fn old_files_are_compressed_and_read(client: &Client) {
    let options = "--log-opt max-size=100k --log-opt max-file=20";
    for driver in ["json-file", "local"] {
        client.ok(&format!(
            "run --name {driver} --log-driver {driver} {options} busybox seq 1 10000"
        ));
        let id = client.inspect(driver, ".Id");
        let folder = client
            .daemon
            .world
            .folder()
            .join("data/containers")
            .join(&id);
        let first = if driver == "local" {
            folder.join("local-logs/container.log.1")
        } else {
            folder.join(format!("{id}-json.log.1"))
        };
        eventually("the newest of the older files is compressed", || {
            first.with_extension("1.gz").exists() && !first.exists()
        });
        let expected: Vec<String> = (1..=10_000).map(|n| n.to_string()).collect();
        assert_eq!(client.ok(&format!("logs {driver}")), expected.join("\n"));
        assert_eq!(client.ok(&format!("logs -n 2 {driver}")), "9999\n10000");
        let zcat = format!("zcat {}", first.with_extension("1.gz").display());
        assert_ne!(client.daemon.world.sh(&zcat).exits(0).stdout, "");
    }
}

#[test]
fn the_daemons_defaults_are_for_containers_that_name_no_other_driver() {
    let json = r#"{"log-driver": "local", "log-opts": {"max-size": "1m", "max-file": "3"}}"#;
    let daemon = Daemon::with_config(json);
    assert_eq!(daemon.docker("info -f {{.LoggingDriver}}").ok(), "local");
    let config = |name: &str| {
        daemon
            .docker(&format!(
                "inspect -f '{{{{json .HostConfig.LogConfig}}}}' {name}"
            ))
            .ok()
            .to_owned()
    };
    daemon.docker("create --name default gantry/hello").ok();
    assert_eq!(
        config("default"),
        r#"{"Type":"local","Config":{"max-file":"3","max-size":"1m"}}"#
    );
    let mixed = "create --name same --log-driver local --log-opt max-size=2m gantry/hello";
    daemon.docker(mixed).ok();
    assert_eq!(
        config("same"),
        r#"{"Type":"local","Config":{"max-file":"3","max-size":"2m"}}"#
    );
    let other = "create --name other --log-driver json-file gantry/hello";
    daemon.docker(other).ok();
    assert_eq!(config("other"), r#"{"Type":"json-file","Config":{}}"#);
}
