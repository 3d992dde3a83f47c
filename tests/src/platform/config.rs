//! `daemon.json`: each key is seen by its effect.

use std::fs;

use serde_json::json;

use crate::harness::{Daemon, Run};

/// One daemon with many keys; what each does is looked for in a container or in `info`.
#[test]
fn keys_have_their_effect_on_containers() {
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), profile.to_string()).unwrap();
    let daemon = Daemon::with_registry_and(&json!({
        "bip": "10.77.0.1/24",
        "mtu": 1400,
        "dns": ["10.9.9.9"],
        "dns-search": ["example.test"],
        "dns-opts": ["ndots:3"],
        "host-gateway-ip": "10.1.2.3",
        "default-shm-size": "32m",
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 333, "Hard": 444}},
        "default-ipc-mode": "shareable",
        "default-cgroupns-mode": "private",
        "init": true,
        "no-new-privileges": true,
        "seccomp-profile": file.path(),
        "log-opts": {"max-size": "1m"},
        "ip": "127.0.0.1",
    }));
    let script = "df -k /dev/shm | tail -1; ulimit -n; cat /etc/resolv.conf /etc/hosts; \
        cat /sys/class/net/eth0/mtu; ip addr show eth0; cat /proc/1/comm; \
        grep NoNewPrivs /proc/self/status; mkdir /x; cat /proc/self/cgroup";
    let run = daemon.gantry(&format!(
        "run --name box -p 8080:80 --add-host gw:host-gateway busybox sh -c '{script}'"
    ));
    let out = format!("{}{}", run.stdout, run.stderr);
    for effect in [
        "32768",
        "333",
        "nameserver 10.9.9.9",
        "search example.test",
        "options ndots:3",
        "10.1.2.3\tgw",
        "1400",
        "inet 10.77.0.2/24",
        "NoNewPrivs:\t1",
        "mkdir: can't create directory '/x': Operation not permitted",
    ] {
        assert!(out.contains(effect), "{effect}:\n{out}");
    }
    let cgroup = run
        .stdout
        .lines()
        .rfind(|l| l.contains("::") || l.contains(':'))
        .unwrap_or("");
    assert!(
        cgroup.ends_with(":/"),
        "a cgroup namespace of its own: {cgroup}"
    );
    let inspect = |template: &str| {
        let run = daemon.gantry(&format!("inspect -f '{{{{{template}}}}}' box"));
        run.ok().trim().to_owned()
    };
    assert_eq!(inspect(".HostConfig.IpcMode"), "shareable");
    assert_eq!(inspect(".HostConfig.CgroupnsMode"), "private");
    assert_eq!(inspect(".HostConfig.Init"), "true");
    assert_eq!(
        inspect("index .HostConfig.LogConfig.Config \"max-size\""),
        "1m"
    );
    // What the daemon adds is not the container's own wish.
    assert_eq!(inspect("len .HostConfig.SecurityOpt"), "0");
    let security = daemon.gantry("info -f '{{.SecurityOptions}}'");
    assert!(
        security
            .ok()
            .contains("name=seccomp,profile=custom-profile name=cgroupns name=no-new-privileges")
    );
}

#[test]
fn published_ports_listen_on_the_configured_address() {
    let daemon = Daemon::with_registry_and(&json!({"ip": "127.0.0.1"}));
    daemon.gantry("run -d --name web -p 8080:80 nginx").ok();
    assert_eq!(
        daemon.gantry("port web").ok().trim(),
        "80/tcp -> 127.0.0.1:8080"
    );
}

#[test]
fn keys_are_shown_by_info_and_version() {
    let world_pid = tempfile::NamedTempFile::new().unwrap();
    let daemon = Daemon::with_config(
        &json!({
            "labels": ["rack=7", "zone=b"],
            "registry-mirrors": ["http://mirror.test:5000"],
            "insecure-registries": ["reg.test:5000", "10.8.0.0/16"],
            "default-runtime": "runc",
            "live-restore": false,
            "debug": true,
            "min-api-version": "1.40",
            "proxies": {"https-proxy": "http://user:pass@proxy.test:3128", "no-proxy": "localhost"},
            "pidfile": world_pid.path(),
            "userland-proxy": false, "raw-logs": true,
            "iptables": true,
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "features": {"containerd-snapshotter": true},
            "log-format": "json",
        })
        .to_string(),
    );
    let info = |template: &str| {
        daemon
            .docker(&format!("info -f '{{{{{template}}}}}'"))
            .ok()
            .trim()
            .to_owned()
    };
    assert_eq!(info(".Labels"), "[rack=7 zone=b]");
    assert_eq!(
        info(".RegistryConfig.Mirrors"),
        "[http://mirror.test:5000/]"
    );
    assert!(info("json .RegistryConfig.IndexConfigs").contains("reg.test:5000"));
    assert!(info("json .RegistryConfig.InsecureRegistryCIDRs").contains("10.8.0.0/16"));
    assert_eq!(info(".DefaultRuntime"), "runc");
    assert_eq!(info(".LiveRestoreEnabled"), "false");
    assert_eq!(info(".Debug"), "true");
    assert_eq!(info(".HTTPSProxy"), "http://xxxxx:xxxxx@proxy.test:3128");
    assert_eq!(info(".Swarm.LocalNodeState"), "inactive");
    let version = daemon.docker("version -f '{{.Server.MinAPIVersion}} {{.Server.GitCommit}}'");
    let version = version.ok().trim().to_owned();
    assert!(
        version.starts_with("1.40 ") && !version.ends_with("unknown"),
        "{version}"
    );
    let old = daemon.script(
        "curl -s --unix-socket ${DOCKER_HOST#unix://} http://d/v1.39/info",
        "",
    );
    assert!(
        old.stdout.contains("client version 1.39 is too old"),
        "{}",
        old.stdout
    );
    assert_eq!(
        fs::read_to_string(world_pid.path()).unwrap().trim(),
        daemon.pid().to_string()
    );
    // Structured, and with a line for each key that changes nothing.
    let log = daemon.log_text();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert_eq!(lines.len(), log.lines().count(), "{log}");
    let says = |text: &str| {
        lines
            .iter()
            .any(|l| l["message"].as_str().is_some_and(|m| m.contains(text)))
    };
    assert!(
        says("raw-logs changes nothing") && says("containerd-snapshotter"),
        "{log}"
    );
}

/// What cannot be, is refused before anything is done.
#[test]
fn mistakes_are_refused_by_name() {
    let daemon = Daemon::prepared("{}");
    let refused = |json: serde_json::Value, flags: &str| {
        daemon.configure(&json);
        let mut command = daemon.daemon_command();
        command.args(flags.split_whitespace()).arg("--validate");
        let run = Run::of(command);
        assert_ne!(run.code, 0, "{json} {flags}: {}", run.stdout);
        run.stderr
    };
    for (json, reason) in [
        (
            json!({"data-roof": "/x"}),
            "don't match any configuration option: data-roof",
        ),
        (
            json!({"data-root": "/x"}),
            "specified both as a flag and in the configuration file: data-root",
        ),
        (json!({"userns-remap": "default"}), "userns-remap: "),
        (
            json!({"exec-opts": ["native.cgroupdriver=systemd"]}),
            "the systemd cgroup driver is not supported",
        ),
        (
            json!({"authorization-plugins": ["x"]}),
            "authorization-plugins: there are no plugins",
        ),
        (
            json!({"swarm-default-advertise-addr": "eth0"}),
            "there is no swarm mode",
        ),
        (json!({"iptables": false}), "iptables: "),
        (
            json!({"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}),
            "runtimes: ",
        ),
        (json!({"hosts": ["tcp://not-an-address"]}), "hosts"),
        (json!({"tlsverify": true, "tls": false}), "tls"),
        (json!({"default-ulimits": 3}), "invalid type"),
    ] {
        let text = refused(json, "");
        assert!(text.contains(reason), "{reason}: {text}");
    }
    assert!(refused(json!({"bip": "10.0.0.1/8"}), "--bip 10.1.0.1/16").contains("bip: (from flag"));
    assert!(refused(json!({}), "--no-such-flag").contains("--no-such-flag"));
    daemon.configure(&json!({"labels": ["a=b"]}));
    let mut command = daemon.daemon_command();
    command.args([
        "--icc=true",
        "--max-concurrent-downloads",
        "7",
        "--validate",
    ]);
    assert_eq!(Run::of(command).ok().trim(), "configuration OK");
}
