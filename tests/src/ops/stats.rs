//! `stats`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::{Client, Daemon, through_both};

through_both!(shown_for_those_that_run, refused_for_nobody);

fn shown_for_those_that_run(client: &Client) {
    client.ok("run -d --name busy -m 64m --pids-limit 50 busybox sh -c 'while :; do :; done'");
    client.ok("run -d --name idle busybox sleep 1000");
    client.ok("run --name over busybox true");
    let format = "--format '{{.Name}} {{.PIDs}} {{.MemUsage}} {{.CPUPerc}}'";
    let all = client.ok(&format!("stats --no-stream {format}"));
    let mut lines: Vec<&str> = all.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 2, "{all}");
    assert!(
        lines[0].starts_with("busy 1 ") && lines[0].contains("/ 64MiB"),
        "{all}"
    );
    let percent = |line: &str| {
        line.rsplit(' ')
            .next()
            .unwrap()
            .trim_end_matches('%')
            .parse::<f64>()
            .unwrap()
    };
    assert!(percent(lines[0]) > percent(lines[1]), "{all}");
    assert!(percent(lines[0]) > 1.0, "{all}");
    let one =
        client.ok("stats --no-stream --no-trunc --format '{{.Container}} {{.ID}} {{.NetIO}}' idle");
    let id = client.inspect("idle", ".Id");
    assert!(one.starts_with(&format!("idle {id} ")), "{one}");
    assert!(client.ok("stats --no-stream over").contains("0.00%"));
    assert_eq!(client.ok("stats --no-stream -a").lines().count(), 4);
}

fn refused_for_nobody(client: &Client) {
    client
        .run("stats --no-stream nobody")
        .exits(1)
        .says("No such container: nobody");
}

fn get(daemon: &Daemon, path: &str) -> serde_json::Value {
    let mut command = daemon.world.command("curl");
    command.args(["-fsS", "--unix-socket"]).arg(daemon.socket());
    command.arg(format!("http://d{path}"));
    serde_json::from_str(crate::harness::Run::of(command).ok()).unwrap()
}

#[test]
fn samples_have_all_that_docker_has() {
    let daemon = Daemon::with_registry();
    daemon.gantry("run -d --name web -m 32m nginx").ok();
    let sample = get(&daemon, "/v1.51/containers/web/stats?stream=false");
    assert_eq!(sample["name"], "/web");
    let cpu = |which: &str, key: &str| sample[which][key].as_u64().unwrap();
    assert!(cpu("cpu_stats", "system_cpu_usage") > cpu("precpu_stats", "system_cpu_usage"));
    assert_eq!(sample["memory_stats"]["limit"], 32 << 20);
    assert!(sample["memory_stats"]["usage"].as_u64().unwrap() > 0);
    assert!(sample["pids_stats"]["current"].as_u64().unwrap() > 1);
    assert!(sample["networks"]["eth0"]["rx_packets"].is_u64());
    assert!(sample["networks"]["lo"].is_null());
    assert!(sample["blkio_stats"]["io_service_bytes_recursive"].is_array());
    assert_ne!(sample["read"], sample["preread"]);
    let stats = &sample["memory_stats"]["stats"];
    assert!(
        stats["total_inactive_file"].is_u64() || stats["inactive_file"].is_u64(),
        "{stats}"
    );
    let one = get(
        &daemon,
        "/v1.51/containers/web/stats?stream=false&one-shot=true",
    );
    assert_eq!(one["preread"], "0001-01-01T00:00:00Z");
    assert!(one["precpu_stats"]["system_cpu_usage"].is_null());
    daemon.gantry("stop -t 0 web").ok();
    let stopped = get(&daemon, "/v1.51/containers/web/stats?stream=false");
    assert_eq!(stopped["read"], "0001-01-01T00:00:00Z");
    assert_eq!(stopped["name"], "/web");
}

#[test]
fn a_stream_goes_on_until_the_container_is_gone() {
    let daemon = Daemon::with_registry();
    daemon.gantry("run -d --name seen busybox sleep 1000").ok();
    let mut command = daemon.world.command("curl");
    command
        .args(["-fsSN", "--unix-socket"])
        .arg(daemon.socket());
    command
        .arg("http://d/containers/seen/stats")
        .stdout(Stdio::piped());
    let mut reader = command.spawn().unwrap();
    let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let second: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["read"], second["preread"]);
    daemon.gantry("rm -f seen").ok();
    assert!(lines.map_while(Result::ok).count() < 10);
    assert!(reader.wait().unwrap().success());
}
