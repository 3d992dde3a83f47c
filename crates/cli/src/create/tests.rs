//! From what was typed to what is sent.

use serde_json::{Value, json};

use super::{ContainerFlags, Environment, request};
use crate::flags::{FlagSet as _, parse};

/// The body of `run <line>`, or what is wrong with it.
fn body_of(line: &[&str]) -> Result<Value, String> {
    let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
    let parsed = parse::<ContainerFlags>(&words, false).map_err(|stop| format!("{stop:?}"))?;
    let environment = Environment {
        api_socket: Some("/run/test.sock".to_owned()),
        ..Environment::default()
    };
    let request = request(&parsed.flags, &parsed.words, &environment)?;
    Ok(serde_json::to_value(&request.body).unwrap())
}

fn body(line: &[&str]) -> Value {
    body_of(line).unwrap()
}

/// What changes in the body by an option: paths such as `/HostConfig/Memory` with new values.
fn changes(before: &Value, after: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in b {
                changes(
                    a.get(key).unwrap_or(&Value::Null),
                    value,
                    &format!("{path}/{key}"),
                    out,
                );
            }
        }
        _ if before != after => out.push((path.to_owned(), after.clone())),
        _ => {}
    }
}

fn effect(option: &[&str]) -> Vec<(String, Value)> {
    let mut line = option.to_vec();
    line.push("image");
    let mut out = Vec::new();
    changes(&body(&["image"]), &body(&line), "", &mut out);
    out
}

/// An option, and what it alone changes in the body.
fn table() -> Vec<(Vec<&'static str>, Value)> {
    let seccomp = "seccomp=unconfined";
    vec![
        (
            vec!["--add-host", "db:10.0.0.1"],
            json!({"/HostConfig/ExtraHosts": ["db:10.0.0.1"]}),
        ),
        (
            vec!["--annotation", "a=b"],
            json!({"/HostConfig/Annotations/a": "b"}),
        ),
        (vec!["--attach", "stdout"], json!({"/AttachStderr": false})),
        (
            vec!["--blkio-weight", "300"],
            json!({"/HostConfig/BlkioWeight": 300}),
        ),
        (
            vec!["--blkio-weight-device", "/dev/sda:200"],
            json!({"/HostConfig/BlkioWeightDevice": [{"Path": "/dev/sda", "Weight": 200}]}),
        ),
        (
            vec!["--cap-add", "NET_ADMIN"],
            json!({"/HostConfig/CapAdd": ["NET_ADMIN"]}),
        ),
        (
            vec!["--cap-drop", "ALL"],
            json!({"/HostConfig/CapDrop": ["ALL"]}),
        ),
        (
            vec!["--cgroup-parent", "/x"],
            json!({"/HostConfig/CgroupParent": "/x"}),
        ),
        (
            vec!["--cgroupns", "host"],
            json!({"/HostConfig/CgroupnsMode": "host"}),
        ),
        (
            vec!["--cidfile", "/tmp/x"],
            json!({"/HostConfig/ContainerIDFile": "/tmp/x"}),
        ),
        (vec!["--cpu-count", "2"], json!({"/HostConfig/CpuCount": 2})),
        (
            vec!["--cpu-percent", "50"],
            json!({"/HostConfig/CpuPercent": 50}),
        ),
        (
            vec!["--cpu-period", "100000"],
            json!({"/HostConfig/CpuPeriod": 100_000}),
        ),
        (
            vec!["--cpu-quota", "50000"],
            json!({"/HostConfig/CpuQuota": 50_000}),
        ),
        (
            vec!["--cpu-rt-period", "1000"],
            json!({"/HostConfig/CpuRealtimePeriod": 1000}),
        ),
        (
            vec!["--cpu-rt-runtime", "500"],
            json!({"/HostConfig/CpuRealtimeRuntime": 500}),
        ),
        (vec!["-c", "512"], json!({"/HostConfig/CpuShares": 512})),
        (
            vec!["--cpus", "1.5"],
            json!({"/HostConfig/NanoCpus": 1_500_000_000}),
        ),
        (
            vec!["--cpuset-cpus", "0-1"],
            json!({"/HostConfig/CpusetCpus": "0-1"}),
        ),
        (
            vec!["--cpuset-mems", "0"],
            json!({"/HostConfig/CpusetMems": "0"}),
        ),
        (
            vec!["--device", "/dev/fuse:/dev/f:r"],
            json!({"/HostConfig/Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/f", "CgroupPermissions": "r"}]}),
        ),
        (
            vec!["--device-cgroup-rule", "c 42:* rmw"],
            json!({"/HostConfig/DeviceCgroupRules": ["c 42:* rmw"]}),
        ),
        (
            vec!["--device-read-bps", "/dev/sda:1mb"],
            json!({"/HostConfig/BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1_048_576}]}),
        ),
        (
            vec!["--device-read-iops", "/dev/sda:100"],
            json!({"/HostConfig/BlkioDeviceReadIOps": [{"Path": "/dev/sda", "Rate": 100}]}),
        ),
        (
            vec!["--device-write-bps", "/dev/sda:1mb"],
            json!({"/HostConfig/BlkioDeviceWriteBps": [{"Path": "/dev/sda", "Rate": 1_048_576}]}),
        ),
        (
            vec!["--device-write-iops", "/dev/sda:100"],
            json!({"/HostConfig/BlkioDeviceWriteIOps": [{"Path": "/dev/sda", "Rate": 100}]}),
        ),
        (
            vec!["--dns", "1.1.1.1"],
            json!({"/HostConfig/Dns": ["1.1.1.1"]}),
        ),
        (
            vec!["--dns-opt", "ndots:2"],
            json!({"/HostConfig/DnsOptions": ["ndots:2"]}),
        ),
        (
            vec!["--dns-search", "example.com"],
            json!({"/HostConfig/DnsSearch": ["example.com"]}),
        ),
        (vec!["--domainname", "d"], json!({"/Domainname": "d"})),
        (vec!["--entrypoint", "sh"], json!({"/Entrypoint": ["sh"]})),
        (vec!["-e", "A=b c"], json!({"/Env": ["A=b c"]})),
        (
            vec!["--expose", "8000-8001/udp"],
            json!({"/ExposedPorts/8000~1udp": {}, "/ExposedPorts/8001~1udp": {}}),
        ),
        (
            vec!["--gpus", "all"],
            json!({"/HostConfig/DeviceRequests": [{"Driver": "", "Count": -1, "DeviceIDs": null, "Capabilities": [["gpu"]], "Options": {}}]}),
        ),
        (
            vec!["--group-add", "audio"],
            json!({"/HostConfig/GroupAdd": ["audio"]}),
        ),
        (vec!["-h", "box"], json!({"/Hostname": "box"})),
        (vec!["--init"], json!({"/HostConfig/Init": true})),
        (
            vec!["-i"],
            json!({"/AttachStdin": true, "/OpenStdin": true, "/StdinOnce": true}),
        ),
        (
            vec!["--io-maxbandwidth", "1m"],
            json!({"/HostConfig/IOMaximumBandwidth": 1_048_576}),
        ),
        (
            vec!["--io-maxiops", "9"],
            json!({"/HostConfig/IOMaximumIOps": 9}),
        ),
        (
            vec!["--ip", "10.0.0.9"],
            json!({"/NetworkingConfig/EndpointsConfig/default/IPAMConfig/IPv4Address": "10.0.0.9"}),
        ),
        (
            vec!["--ip6", "2001:db8::1"],
            json!({"/NetworkingConfig/EndpointsConfig/default/IPAMConfig/IPv6Address": "2001:db8::1"}),
        ),
        (
            vec!["--ipc", "host"],
            json!({"/HostConfig/IpcMode": "host"}),
        ),
        (
            vec!["--isolation", "process"],
            json!({"/HostConfig/Isolation": "process"}),
        ),
        (
            vec!["--kernel-memory", "4m"],
            json!({"/HostConfig/KernelMemory": 4_194_304}),
        ),
        (vec!["-l", "a=b"], json!({"/Labels/a": "b"})),
        (
            vec!["--link", "db:mysql"],
            json!({"/HostConfig/Links": ["db:mysql"]}),
        ),
        (
            vec!["--link-local-ip", "169.254.1.1"],
            json!({"/NetworkingConfig/EndpointsConfig/default/IPAMConfig/LinkLocalIPs": ["169.254.1.1"]}),
        ),
        (
            vec!["--log-driver", "none"],
            json!({"/HostConfig/LogConfig/Type": "none"}),
        ),
        (
            vec!["--log-opt", "max-size=1m"],
            json!({"/HostConfig/LogConfig/Config/max-size": "1m"}),
        ),
        (
            vec!["--mac-address", "92:d0:c6:0a:29:33"],
            json!({"/MacAddress": "92:d0:c6:0a:29:33", "/NetworkingConfig/EndpointsConfig/default/MacAddress": "92:d0:c6:0a:29:33"}),
        ),
        (vec!["-m", "64m"], json!({"/HostConfig/Memory": 67_108_864})),
        (
            vec!["--memory-reservation", "1g"],
            json!({"/HostConfig/MemoryReservation": 1_073_741_824}),
        ),
        (
            vec!["--memory-swap", "-1"],
            json!({"/HostConfig/MemorySwap": -1}),
        ),
        (
            vec!["--memory-swappiness", "0"],
            json!({"/HostConfig/MemorySwappiness": 0}),
        ),
        (
            vec!["--mount", "type=bind,src=/a,dst=/b,readonly"],
            json!({"/HostConfig/Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": true}]}),
        ),
        (
            vec!["--network", "host"],
            json!({"/HostConfig/NetworkMode": "host"}),
        ),
        (
            vec!["--network-alias", "x", "--network", "n"],
            json!({"/NetworkingConfig/EndpointsConfig/n/Aliases": ["x"]}),
        ),
        (
            vec!["--no-healthcheck"],
            json!({"/Healthcheck": {"Test": ["NONE"]}}),
        ),
        (
            vec!["--oom-kill-disable"],
            json!({"/HostConfig/OomKillDisable": true}),
        ),
        (
            vec!["--oom-score-adj", "-5"],
            json!({"/HostConfig/OomScoreAdj": -5}),
        ),
        (
            vec!["--pid", "host"],
            json!({"/HostConfig/PidMode": "host"}),
        ),
        (
            vec!["--pids-limit", "100"],
            json!({"/HostConfig/PidsLimit": 100}),
        ),
        (
            vec!["--privileged"],
            json!({"/HostConfig/Privileged": true}),
        ),
        (
            vec!["-p", "8080:80"],
            json!({"/ExposedPorts/80~1tcp": {}, "/HostConfig/PortBindings/80~1tcp": [{"HostIp": "", "HostPort": "8080"}]}),
        ),
        (vec!["-P"], json!({"/HostConfig/PublishAllPorts": true})),
        (
            vec!["--read-only"],
            json!({"/HostConfig/ReadonlyRootfs": true}),
        ),
        (
            vec!["--restart", "on-failure:3"],
            json!({"/HostConfig/RestartPolicy/Name": "on-failure", "/HostConfig/RestartPolicy/MaximumRetryCount": 3}),
        ),
        (vec!["--rm"], json!({"/HostConfig/AutoRemove": true})),
        (
            vec!["--runtime", "crun"],
            json!({"/HostConfig/Runtime": "crun"}),
        ),
        (
            vec!["--security-opt", seccomp],
            json!({"/HostConfig/SecurityOpt": [seccomp]}),
        ),
        (
            vec!["--shm-size", "1m"],
            json!({"/HostConfig/ShmSize": 1_048_576}),
        ),
        (vec!["--stop-signal", "INT"], json!({"/StopSignal": "INT"})),
        (vec!["--stop-timeout", "3"], json!({"/StopTimeout": 3})),
        (
            vec!["--storage-opt", "size=1G"],
            json!({"/HostConfig/StorageOpt/size": "1G"}),
        ),
        (
            vec!["--sysctl", "net.core.somaxconn=9"],
            json!({"/HostConfig/Sysctls/net.core.somaxconn": "9"}),
        ),
        (
            vec!["--tmpfs", "/t:size=1m"],
            json!({"/HostConfig/Tmpfs/~1t": "size=1m"}),
        ),
        (vec!["-t"], json!({"/Tty": true})),
        (
            vec!["--ulimit", "nofile=10:20"],
            json!({"/HostConfig/Ulimits": [{"Name": "nofile", "Hard": 20, "Soft": 10}]}),
        ),
        (
            vec!["--use-api-socket"],
            json!({"/HostConfig/Mounts": [{"Type": "bind", "Source": "/run/test.sock", "Target": "/var/run/docker.sock"}]}),
        ),
        (vec!["-u", "1000:1000"], json!({"/User": "1000:1000"})),
        (
            vec!["--userns", "host"],
            json!({"/HostConfig/UsernsMode": "host"}),
        ),
        (
            vec!["--uts", "host"],
            json!({"/HostConfig/UTSMode": "host"}),
        ),
        (vec!["-v", "/data"], json!({"/Volumes/~1data": {}})),
        (
            vec!["-v", "vol:/data:ro"],
            json!({"/HostConfig/Binds": ["vol:/data:ro"]}),
        ),
        (
            vec!["--volume-driver", "local"],
            json!({"/HostConfig/VolumeDriver": "local"}),
        ),
        (
            vec!["--volumes-from", "db:ro"],
            json!({"/HostConfig/VolumesFrom": ["db:ro"]}),
        ),
        (vec!["-w", "/srv"], json!({"/WorkingDir": "/srv"})),
    ]
}

/// Finds a value by a path in which `~1` stands for a slash, as in JSON pointers.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

#[test]
fn every_option_changes_what_docker_s_client_changes() {
    for (option, expected) in table() {
        let mut line = option.clone();
        line.push("image");
        let body = body(&line);
        for (pointer, value) in expected.as_object().unwrap() {
            assert_eq!(at(&body, pointer), value, "{pointer} of {option:?}");
        }
        assert!(!effect(&option).is_empty(), "{option:?} changes nothing");
    }
}

#[test]
fn no_option_is_forgotten() {
    // These need a file or each other, and have tests of their own.
    const ELSEWHERE: &[&str] = &[
        "disable-content-trust",
        "env-file",
        "health-cmd",
        "health-interval",
        "health-retries",
        "health-start-interval",
        "health-start-period",
        "health-timeout",
        "label-file",
        "secret",
    ];
    let table = table();
    for flag in ContainerFlags::flags() {
        let short = flag.short.map(|short| format!("-{short}"));
        let tested = table.iter().any(|(option, _)| {
            let name = option[0];
            let long = name.trim_start_matches('-');
            Some(name) == short.as_deref() || long == flag.long || flag.aliases.contains(&long)
        });
        assert!(
            tested || ELSEWHERE.contains(&flag.long),
            "--{} is not in the table",
            flag.long
        );
    }
}

#[test]
fn a_plain_run_asks_for_what_docker_s_asks_for() {
    let body = body(&["busybox", "echo", "hi"]);
    assert_eq!(body["Cmd"], json!(["echo", "hi"]));
    assert_eq!(body["Image"], "busybox");
    assert_eq!(body["Entrypoint"], Value::Null);
    assert_eq!(
        (&body["AttachStdout"], &body["AttachStdin"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(body["HostConfig"]["NetworkMode"], "default");
    assert_eq!(
        body["HostConfig"]["RestartPolicy"],
        json!({"Name": "no", "MaximumRetryCount": 0})
    );
    assert_eq!(body["NetworkingConfig"], json!({"EndpointsConfig": {}}));
}

#[test]
fn files_come_before_options_and_proxies_last() {
    let path = std::env::temp_dir().join(format!("gantry-env-file-{}", std::process::id()));
    std::fs::write(&path, "# comment\nA=file\nHTTP_PROXY=mine\n").unwrap();
    let words = [
        "--env-file",
        path.to_str().unwrap(),
        "-e",
        "A=flag",
        "image",
    ]
    .map(str::to_owned);
    let parsed = parse::<ContainerFlags>(&words, false).unwrap();
    let environment = Environment {
        proxies: vec![
            ("HTTP_PROXY".to_owned(), "theirs".to_owned()),
            ("NO_PROXY".to_owned(), "x".to_owned()),
        ],
        ..Environment::default()
    };
    let request = request(&parsed.flags, &parsed.words, &environment).unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(
        request.body.config.env.unwrap(),
        ["A=file", "HTTP_PROXY=mine", "A=flag", "NO_PROXY=x"]
    );
}

#[test]
fn labels_come_from_files_too() {
    let path = std::env::temp_dir().join(format!("gantry-label-file-{}", std::process::id()));
    std::fs::write(&path, "a=1\nb\n").unwrap();
    let body = body(&[
        "--label-file",
        path.to_str().unwrap(),
        "--label",
        "a=2",
        "image",
    ]);
    std::fs::remove_file(path).unwrap();
    // A line without a value is no label, as with Docker.
    assert_eq!(body["Labels"], json!({"a": "2"}));
}

#[test]
fn health_checks_are_put_together() {
    let body = body(&[
        "--health-cmd",
        "true",
        "--health-interval",
        "1s",
        "--health-timeout",
        "2s",
        "--health-retries",
        "3",
        "--health-start-period",
        "4s",
        "--health-start-interval",
        "5s",
        "image",
    ]);
    assert_eq!(
        body["Healthcheck"],
        json!({"Test": ["CMD-SHELL", "true"], "Interval": 1_000_000_000_i64, "Timeout": 2_000_000_000_i64,
            "StartPeriod": 4_000_000_000_i64, "StartInterval": 5_000_000_000_i64, "Retries": 3})
    );
}

#[test]
fn a_published_range_is_a_binding_for_each_port() {
    let body = body(&["-p", "127.0.0.1:8000-8001:80-81/udp", "image"]);
    assert_eq!(
        body["HostConfig"]["PortBindings"],
        json!({
            "80/udp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}],
            "81/udp": [{"HostIp": "127.0.0.1", "HostPort": "8001"}],
        })
    );
}

#[test]
fn several_networks_are_endpoints_and_the_first_is_the_mode() {
    let body = body(&[
        "--network",
        "a",
        "--network",
        "name=b,alias=x",
        "--network-alias",
        "y",
        "image",
    ]);
    assert_eq!(body["HostConfig"]["NetworkMode"], "a");
    let endpoints = &body["NetworkingConfig"]["EndpointsConfig"];
    assert_eq!(
        (&endpoints["a"]["Aliases"], &endpoints["b"]["Aliases"]),
        (&json!(["y"]), &json!(["x"]))
    );
}

#[test]
fn an_empty_entrypoint_takes_the_image_s_away() {
    assert_eq!(
        body(&["--entrypoint", "", "image"])["Entrypoint"],
        json!([""])
    );
}

#[test]
fn a_relative_source_is_made_absolute() {
    let here = std::env::current_dir().unwrap();
    let body = body(&["-v", "./x/../y:/y", "image"]);
    assert_eq!(
        body["HostConfig"]["Binds"],
        json!([format!("{}/y:/y", here.display())])
    );
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let refused = |line: &[&str]| body_of(line).unwrap_err();
    assert_eq!(
        refused(&["--rm", "--restart", "always", "x"]),
        "conflicting options: cannot specify both --restart and --rm"
    );
    assert_eq!(
        refused(&["--no-healthcheck", "--health-cmd", "x", "x"]),
        "--no-healthcheck conflicts with --health-* options"
    );
    assert_eq!(
        refused(&["--network", "a", "--network", "host", "x"]),
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
    );
    assert_eq!(refused(&["--pid", "x", "x"]), "--pid: invalid PID mode");
    assert_eq!(
        refused(&["--security-opt", "foo", "x"]),
        "Invalid --security-opt: \"foo\""
    );
}
