//! `state`, `list`, `ps`, `events`, `spec`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use gantry_oci::{
    Capabilities, Linux, Mount, Namespace, NamespaceKind, Process, RUNTIME_SPEC_VERSION, Root,
    Spec, Status,
};
use serde_json::{Value, json};

use super::print;
use crate::arguments::Arguments;
use crate::store::Container;
use crate::{Error, Result, Store};

pub(super) fn state(rest: Vec<String>, store: &Store) -> Result<ExitCode> {
    let given = Arguments::parse(&[], rest)?;
    let container = store.find(given.id(true)?)?;
    print(&format!("{:#}", described(&container)))
}

/// As runc prints it: the specification's state, and a few things more.
fn described(container: &Container) -> Value {
    let (record, status) = (&container.record, container.status());
    json!({
        "ociVersion": RUNTIME_SPEC_VERSION,
        "id": record.id,
        "pid": if status == Status::Stopped { 0 } else { record.pid },
        "status": status.as_str(),
        "bundle": record.bundle,
        "rootfs": record.rootfs,
        "created": record.created,
        "annotations": container.spec().map(|spec| spec.annotations).unwrap_or_default(),
        "owner": "root",
    })
}

pub(super) fn list(rest: Vec<String>, store: &Store) -> Result<ExitCode> {
    let known = &[("format", Some('f'), true), ("quiet", Some('q'), false)];
    let given = Arguments::parse(known, rest)?;
    let containers = store.list();
    if given.has("quiet") {
        let ids: Vec<&str> = containers.iter().map(|c| c.record.id.as_str()).collect();
        return if ids.is_empty() {
            Ok(ExitCode::SUCCESS)
        } else {
            print(&ids.join("\n"))
        };
    }
    match given.value("format") {
        Some("json") => {
            print(&json!(containers.iter().map(described).collect::<Vec<_>>()).to_string())
        }
        None | Some("table" | "") => print(&table(&containers)),
        Some(other) => Err(Error::Usage(format!("invalid format option: {other:?}"))),
    }
}

fn table(containers: &[Container]) -> String {
    let mut text = format!(
        "{:<24} {:<8} {:<10} {:<40} {:<22} OWNER",
        "ID", "PID", "STATUS", "BUNDLE", "CREATED"
    );
    for container in containers {
        let (record, status) = (&container.record, container.status());
        let pid = if status == Status::Stopped {
            0
        } else {
            record.pid
        };
        let _ = write!(
            text,
            "\n{:<24} {pid:<8} {:<10} {:<40} {:<22} root",
            record.id,
            status.as_str(),
            record.bundle.display(),
            record.created
        );
    }
    text
}

pub(super) fn ps(rest: Vec<String>, store: &Store) -> Result<ExitCode> {
    let given = Arguments::parse(&[("format", Some('f'), true)], rest)?;
    let container = store.find(given.id(false)?)?;
    let pids: Vec<i32> = container
        .cgroup()?
        .procs()?
        .iter()
        .map(|pid| pid.as_raw_nonzero().get())
        .collect();
    if given.value("format") == Some("json") {
        return print(&json!(pids).to_string());
    }
    let options = given.words().get(1..).unwrap_or_default();
    let mut command = std::process::Command::new("ps");
    match options {
        [] => command.arg("-ef"),
        options => command.args(options),
    };
    let output = command.output().map_err(Error::file("run", "ps"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let column = head
        .split_whitespace()
        .position(|word| word == "PID")
        .ok_or_else(|| Error::Usage("couldn't find PID field in ps output".to_owned()))?;
    let ours = lines.filter(|line| {
        let pid = line.split_whitespace().nth(column);
        pid.and_then(|pid| pid.parse().ok())
            .is_some_and(|pid| pids.contains(&pid))
    });
    print(
        &std::iter::once(head)
            .chain(ours)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

pub(super) fn events(rest: Vec<String>, store: &Store) -> Result<ExitCode> {
    let known = &[("stats", None, false), ("interval", None, true)];
    let given = Arguments::parse(known, rest)?;
    let container = store.find(given.id(true)?)?;
    let pause = given.value("interval").unwrap_or("5s");
    let seconds = pause.trim_end_matches('s').parse().ok().filter(|s| *s > 0);
    let seconds = seconds.ok_or_else(|| Error::Usage(format!("invalid interval {pause:?}")))?;
    loop {
        if container.status() == Status::Stopped {
            return if given.has("stats") {
                Err(Error::NotRunning)
            } else {
                Ok(ExitCode::SUCCESS)
            };
        }
        let event = json!({
            "type": "stats",
            "id": container.record.id,
            "data": measured(&container)?,
        });
        print(&event.to_string())?;
        if given.has("stats") {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

/// Runc's names.
fn measured(container: &Container) -> Result<Value> {
    let stats = container.cgroup()?.stats()?;
    let blkio = |entries: &[gantry_cgroups::BlkioEntry]| {
        let entry = |e: &gantry_cgroups::BlkioEntry| json!({"major": e.major, "minor": e.minor, "op": e.op, "value": e.value});
        entries.iter().map(entry).collect::<Vec<_>>()
    };
    let huge = |h: &gantry_cgroups::HugetlbStats| json!({"usage": h.usage, "max": h.max_usage, "failcnt": h.failcnt});
    Ok(json!({
        "cpu": {
            "usage": {
                "total": stats.cpu.total,
                "percpu": stats.cpu.per_cpu,
                "kernel": stats.cpu.system,
                "user": stats.cpu.user,
            },
            "throttling": {
                "periods": stats.cpu.throttling.periods,
                "throttledPeriods": stats.cpu.throttling.throttled_periods,
                "throttledTime": stats.cpu.throttling.throttled_time,
            },
        },
        "memory": {
            "usage": {
                "limit": stats.memory.limit,
                "usage": stats.memory.usage,
                "max": stats.memory.max_usage,
                "failcnt": stats.memory.failcnt,
            },
            "raw": stats.memory.detail,
        },
        "pids": {"current": stats.pids.current, "limit": stats.pids.limit},
        "blkio": {
            "ioServiceBytesRecursive": blkio(&stats.blkio.service_bytes),
            "ioServicedRecursive": blkio(&stats.blkio.serviced),
        },
        "hugetlb": stats.hugetlb.iter().map(|(size, h)| (size.clone(), huge(h)))
            .collect::<serde_json::Map<_, _>>(),
    }))
}

pub(super) fn spec(rest: Vec<String>) -> Result<ExitCode> {
    let known = &[("bundle", Some('b'), true), ("rootless", None, false)];
    let given = Arguments::parse(known, rest)?;
    if given.has("rootless") {
        return Err(Error::Unsupported(
            "a configuration for rootless containers",
        ));
    }
    let path = std::path::Path::new(given.value("bundle").unwrap_or(".")).join("config.json");
    if path.exists() {
        return Err(Error::Usage(format!(
            "File {} exists. Remove it first",
            path.display()
        )));
    }
    let text = serde_json::to_string_pretty(&example()).map_err(|source| Error::Json {
        path: path.clone(),
        source,
    })?;
    std::fs::write(&path, text).map_err(Error::file("write", &path))?;
    Ok(ExitCode::SUCCESS)
}

/// A shell in a container of its own.
fn example() -> Spec {
    let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
    let capabilities: Vec<String> = capabilities.map(str::to_owned).into();
    let mount = |destination: &str, kind: &str, options: &[&str]| Mount {
        destination: destination.to_owned(),
        kind: Some(kind.to_owned()),
        source: Some(kind.to_owned()),
        options: options.iter().map(|&o| o.to_owned()).collect(),
        ..Mount::default()
    };
    use NamespaceKind as K;
    let kinds = [K::Pid, K::Network, K::Ipc, K::Uts, K::Mount, K::Cgroup];
    let masked = [
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/sys/firmware",
        "/proc/scsi",
    ];
    let readonly = [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
    ];
    let safe = ["nosuid", "noexec", "nodev"];
    Spec {
        oci_version: RUNTIME_SPEC_VERSION.to_owned(),
        process: Some(Process {
            terminal: true,
            args: vec!["sh".to_owned()],
            env: vec![
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
                "TERM=xterm".to_owned(),
            ],
            cwd: "/".to_owned(),
            capabilities: Some(Capabilities {
                bounding: capabilities.clone(),
                effective: capabilities.clone(),
                permitted: capabilities,
                ..Capabilities::default()
            }),
            no_new_privileges: true,
            ..Process::default()
        }),
        root: Some(Root {
            path: "rootfs".to_owned(),
            readonly: true,
        }),
        hostname: Some("gantry".to_owned()),
        mounts: vec![
            mount("/proc", "proc", &[]),
            mount(
                "/dev",
                "tmpfs",
                &["nosuid", "strictatime", "mode=755", "size=65536k"],
            ),
            mount(
                "/dev/pts",
                "devpts",
                &[
                    "nosuid",
                    "noexec",
                    "newinstance",
                    "ptmxmode=0666",
                    "mode=0620",
                    "gid=5",
                ],
            ),
            mount(
                "/dev/shm",
                "tmpfs",
                &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
            ),
            mount("/dev/mqueue", "mqueue", &safe),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount(
                "/sys/fs/cgroup",
                "cgroup",
                &["nosuid", "noexec", "nodev", "relatime", "ro"],
            ),
        ],
        linux: Some(Linux {
            namespaces: kinds.map(|kind| Namespace { kind, path: None }).into(),
            masked_paths: masked.map(str::to_owned).into(),
            readonly_paths: readonly.map(str::to_owned).into(),
            ..Linux::default()
        }),
        ..Spec::default()
    }
}
