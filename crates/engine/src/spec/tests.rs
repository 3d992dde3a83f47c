//! Whole configurations.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use gantry_api_types::json::Words;
use gantry_api_types::{ContainerConfig, ExecCreateRequest, HostConfig, MountPoint, Ulimit};
use gantry_oci::{Mount, Namespace, NamespaceKind, Spec};
use gantry_seccomp::KernelVersion;

use super::{Joined, MountDetails, NetworkFiles, SpecError, SpecInput, build, exec_process};

/// A container's root with a passwd file.
struct Fixture {
    _directory: tempfile::TempDir,
    root: OwnedFd,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let etc = directory.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n";
        std::fs::write(etc.join("passwd"), passwd).unwrap();
        let root = std::fs::File::open(directory.path()).unwrap().into();
        Self {
            _directory: directory,
            root,
        }
    }

    fn try_build(
        &self,
        config: &ContainerConfig,
        host: &HostConfig,
        mounts: &[MountPoint],
    ) -> Result<Spec, SpecError> {
        build(&SpecInput {
            config,
            host,
            mounts,
            details: &mounts
                .iter()
                .map(|m| (m.destination.clone(), details(host, &m.destination)))
                .collect(),
            root: self.root.as_fd(),
            cgroup_path: "/gantry/abc",
            files: NetworkFiles {
                hosts: Path::new("/state/hosts"),
                hostname: Path::new("/state/hostname"),
                resolv_conf: Path::new("/state/resolv.conf"),
            },
            joined: Joined {
                pid: Some(7),
                ipc: Some(8),
            },
            linked: &[],
            default_ulimits: &[Ulimit {
                name: "nofile".to_owned(),
                hard: 100,
                soft: 50,
            }],
            kernel: KernelVersion { major: 6, minor: 1 },
            apparmor: super::AppArmor::default(),
        })
    }
}

fn config() -> ContainerConfig {
    ContainerConfig {
        hostname: "box".to_owned(),
        cmd: Some(Words(vec!["true".to_owned()])),
        ..ContainerConfig::default()
    }
}

fn spec(host: &HostConfig) -> Spec {
    Fixture::new().try_build(&config(), host, &[]).unwrap()
}

fn mount_at<'a>(spec: &'a Spec, destination: &str) -> &'a Mount {
    let found = spec.mounts.iter().find(|m| m.destination == destination);
    found.unwrap_or_else(|| panic!("nothing at {destination}"))
}

fn namespaces(spec: &Spec) -> &[Namespace] {
    &spec.linux.as_ref().unwrap().namespaces
}

fn has(spec: &Spec, kind: NamespaceKind) -> bool {
    namespaces(spec).iter().any(|n| n.kind == kind)
}

#[test]
fn an_ordinary_container() {
    let spec = spec(&HostConfig::default());
    let process = spec.process.as_ref().unwrap();
    assert_eq!(
        (process.args.as_slice(), process.cwd.as_str()),
        (&["true".to_owned()][..], "/")
    );
    assert_eq!(process.env.last().unwrap(), "HOME=/root");
    assert_eq!(process.user.additional_gids, [0]);
    assert_eq!(process.rlimits[0].soft, 50);
    assert_eq!(process.oom_score_adj, Some(0));
    assert!(
        process
            .capabilities
            .as_ref()
            .unwrap()
            .inheritable
            .is_empty()
    );
    let linux = spec.linux.as_ref().unwrap();
    assert_eq!(linux.cgroups_path.as_deref(), Some("/gantry/abc"));
    assert_eq!(linux.sysctl["net.ipv4.ip_unprivileged_port_start"], "0");
    assert!(linux.seccomp.is_some() && linux.masked_paths.len() >= 12);
    for kind in [
        NamespaceKind::Mount,
        NamespaceKind::Pid,
        NamespaceKind::Network,
    ] {
        assert!(has(&spec, kind));
    }
    assert!(!has(&spec, NamespaceKind::Cgroup) && !has(&spec, NamespaceKind::User));
    assert_eq!(mount_at(&spec, "/sys").options[0], "ro");
    assert_eq!(
        mount_at(&spec, "/etc/hosts").source.as_deref(),
        Some("/state/hosts")
    );
    assert!(
        mount_at(&spec, "/dev/shm")
            .options
            .contains(&"size=67108864".to_owned())
    );
    assert_eq!(spec.hostname.as_deref(), Some("box"));
}

#[test]
fn a_privileged_container() {
    let spec = spec(&HostConfig {
        privileged: true,
        ..HostConfig::default()
    });
    let linux = spec.linux.as_ref().unwrap();
    assert!(linux.seccomp.is_none() && linux.masked_paths.is_empty());
    assert!(linux.readonly_paths.is_empty() && linux.devices.len() > 5);
    assert_eq!(mount_at(&spec, "/sys").options[0], "rw");
    assert_eq!(mount_at(&spec, "/sys/fs/cgroup").options[0], "rw");
    let capabilities = spec.process.unwrap().capabilities.unwrap();
    assert!(capabilities.bounding.contains(&"CAP_SYS_ADMIN".to_owned()));
}

#[test]
fn namespaces_of_the_host_and_of_others() {
    let host = HostConfig {
        network_mode: "host".to_owned(),
        uts_mode: "host".to_owned(),
        ipc_mode: "host".to_owned(),
        pid_mode: "container:other".to_owned(),
        cgroupns_mode: "private".to_owned(),
        ..HostConfig::default()
    };
    let spec = spec(&host);
    for kind in [
        NamespaceKind::Network,
        NamespaceKind::Uts,
        NamespaceKind::Ipc,
    ] {
        assert!(!has(&spec, kind), "{kind:?}");
    }
    assert!(has(&spec, NamespaceKind::Cgroup));
    let pid = namespaces(&spec)
        .iter()
        .find(|n| n.kind == NamespaceKind::Pid)
        .unwrap();
    assert_eq!(pid.path.as_deref(), Some("/proc/7/ns/pid"));
    assert!(spec.hostname.is_none() && spec.linux.as_ref().unwrap().sysctl.is_empty());
    assert_eq!(mount_at(&spec, "/dev/shm").kind.as_deref(), Some("bind"));
    let build = |host| {
        Fixture::new()
            .try_build(&config(), &host, &[])
            .unwrap_err()
            .to_string()
    };
    let pid = HostConfig {
        pid_mode: "mine".to_owned(),
        ..HostConfig::default()
    };
    assert_eq!(build(pid), "invalid PID mode: mine");
}

#[test]
fn mounts_of_the_request_take_the_place_of_ours() {
    let bind = |destination: &str, rw, propagation: &str| MountPoint {
        kind: "bind".to_owned(),
        source: "/src".to_owned(),
        destination: destination.to_owned(),
        rw,
        propagation: propagation.to_owned(),
        ..MountPoint::default()
    };
    let mounts = [
        bind("/data/deep", true, "rslave"),
        bind("/data", false, "rprivate"),
        bind("/etc/hosts", true, ""),
        bind("/dev", true, ""),
    ];
    let host = HostConfig {
        readonly_rootfs: true,
        tmpfs: [("/run".to_owned(), String::new())].into(),
        ..HostConfig::default()
    };
    let spec = Fixture::new().try_build(&config(), &host, &mounts).unwrap();
    assert_eq!(
        mount_at(&spec, "/data").options,
        ["rbind", "rprivate", "ro", "rro"]
    );
    assert_eq!(mount_at(&spec, "/data/deep").options, ["rbind", "rslave"]);
    let order = |path| {
        spec.mounts
            .iter()
            .position(|m| m.destination == path)
            .unwrap()
    };
    assert!(order("/data") < order("/data/deep"));
    assert_eq!(
        mount_at(&spec, "/etc/hosts").source.as_deref(),
        Some("/src")
    );
    assert_eq!(
        spec.mounts
            .iter()
            .filter(|m| m.destination.starts_with("/dev"))
            .count(),
        1
    );
    assert!(
        mount_at(&spec, "/etc/hostname")
            .options
            .contains(&"ro".to_owned())
    );
    assert_eq!(mount_at(&spec, "/run").kind.as_deref(), Some("tmpfs"));
    assert!(!mount_at(&spec, "/proc").options.contains(&"ro".to_owned()));
    assert!(spec.root.unwrap().readonly);
    assert_eq!(
        spec.linux.unwrap().rootfs_propagation.as_deref(),
        Some("rslave")
    );
}

#[test]
fn a_terminal_and_a_user() {
    let config = ContainerConfig {
        tty: true,
        user: "web".to_owned(),
        entrypoint: Some(Words(vec![String::new()])),
        working_dir: "/srv".to_owned(),
        ..config()
    };
    let host = HostConfig {
        console_size: [24, 80],
        ..HostConfig::default()
    };
    let spec = Fixture::new().try_build(&config, &host, &[]).unwrap();
    let process = spec.process.unwrap();
    assert_eq!((process.user.uid, process.args.len()), (33, 1));
    assert!(process.env.contains(&"TERM=xterm".to_owned()) && process.terminal);
    assert_eq!(process.console_size.unwrap().width, 80);
    let bad = ContainerConfig {
        working_dir: "srv".to_owned(),
        ..config
    };
    assert!(Fixture::new().try_build(&bad, &host, &[]).is_err());
}

#[test]
fn an_exec_is_the_container_with_changes() {
    let fixture = Fixture::new();
    let spec = fixture
        .try_build(&config(), &HostConfig::default(), &[])
        .unwrap();
    let container = spec.process.unwrap();
    let mut request = ExecCreateRequest {
        cmd: Some(Words(vec!["sh".to_owned()])),
        tty: true,
        ..ExecCreateRequest::default()
    };
    let exec = |request: &ExecCreateRequest| {
        exec_process(&container, request, Some([24, 80]), fixture.root.as_fd())
    };
    let same = exec(&request).unwrap();
    assert_eq!((&same.user, &same.cwd), (&container.user, &container.cwd));
    assert!(same.terminal && same.env.last().unwrap() == "TERM=xterm");
    request.user = "web".to_owned();
    request.privileged = true;
    request.working_dir = "/tmp".to_owned();
    let other = exec(&request).unwrap();
    assert_eq!((other.user.uid, other.cwd.as_str()), (33, "/tmp"));
    assert!(other.env.contains(&"HOME=/var/www".to_owned()));
    assert!(
        other
            .capabilities
            .unwrap()
            .effective
            .contains(&"CAP_SYS_ADMIN".to_owned())
    );
    request.user = "nobody-knows".to_owned();
    let error = exec(&request).unwrap_err().to_string();
    assert!(error.starts_with("unable to find user nobody-knows"));
}

#[test]
fn another_containers_memory_is_shared() {
    let host = HostConfig {
        ipc_mode: "container:x".to_owned(),
        ..HostConfig::default()
    };
    let spec = spec(&host);
    let shared = mount_at(&spec, "/dev/shm");
    assert_eq!(shared.source.as_deref(), Some("/proc/8/root/dev/shm"));
    let ipc = namespaces(&spec)
        .iter()
        .find(|n| n.kind == NamespaceKind::Ipc)
        .unwrap();
    assert_eq!(ipc.path.as_deref(), Some("/proc/8/ns/ipc"));
}

/// What `--mount` said.
fn details(host: &HostConfig, destination: &str) -> MountDetails {
    let asked = host.mounts.iter().find(|m| m.target == destination);
    MountDetails {
        bind: asked
            .and_then(|m| m.bind_options.clone())
            .unwrap_or_default(),
        ..MountDetails::default()
    }
}
