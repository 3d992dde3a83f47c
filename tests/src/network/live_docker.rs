//! A live Docker beside ours, in one network namespace: both work, and its rules stay as they were
//! but for our tagged ones.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use gantry_compat::matrix::Town;

use super::neighbours::{Outside, page, ruleset};
use crate::harness::{Daemon, Run, eventually};

/// Docker sees a root of its own where its packages are in one, and the world's network.
const DOCKER: &str = r#"
mkdir -p "$F/docker-run" "$F/docker-data"
if [ -x "$ROOT/usr/sbin/dockerd" ]; then
  mount --bind "$ROOT" "$ROOT"; mount -t tmpfs tmpfs "$ROOT/run"
  mkdir -p "$ROOT/run/socket" "$ROOT/peerdata"
  mount --bind "$F/docker-run" "$ROOT/run/socket"; mount --bind "$F/docker-data" "$ROOT/peerdata"
  mount --rbind /proc "$ROOT/proc"; mount --rbind /dev "$ROOT/dev"
  mount -t sysfs sysfs "$ROOT/sys"; mount --rbind /sys/fs/cgroup "$ROOT/sys/fs/cgroup"
  mkdir -p "$ROOT/.old"; cd "$ROOT"; pivot_root . .old; umount -l /.old; cd /
  mount --make-rshared /
  data=/peerdata socket=/run/socket/docker.sock
else
  command -v dockerd >/dev/null || { echo "no dockerd: install docker.io, or make the peers (cargo xtask peers make)" >&2; exit 1; }
  mount -t tmpfs tmpfs /run
  data=$F/docker-data socket=$F/docker-run/docker.sock
fi
exec dockerd --data-root "$data" --exec-root /run/docker --pidfile /run/dockerd.pid -H "unix://$socket" \
  --bip 172.30.0.1/16 --registry-mirror http://127.0.0.1:5000 --cgroup-parent "$CGROUP"
"#;

/// A live Docker in a daemon's world; it ends with that.
struct Docker {
    process: Child,
    socket: PathBuf,
}

impl Docker {
    fn beside(daemon: &Daemon) -> Self {
        let folder = daemon.world.folder();
        let log = std::fs::File::create(folder.join("docker.log")).unwrap();
        let mut command = daemon.world.command("unshare");
        command
            .args([
                "--mount",
                "--propagation",
                "private",
                "bash",
                "-euc",
                DOCKER,
            ])
            .env("F", folder)
            .env("ROOT", cache().join("peers"))
            .env("CGROUP", format!("{}/docker", daemon.world.name()))
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut docker = Self {
            process: command.spawn().unwrap(),
            socket: folder.join("docker-run/docker.sock"),
        };
        eventually("Docker answers", || {
            if let Some(status) = docker.process.try_wait().unwrap() {
                let log = std::fs::read_to_string(folder.join("docker.log")).unwrap();
                panic!("dockerd ended with {status}: {log}");
            }
            docker.run("version").code == 0
        });
        docker
    }

    fn run(&self, words: &str) -> Run {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("docker {words}")])
            .env("DOCKER_HOST", format!("unix://{}", self.socket.display()))
            .stdin(Stdio::null());
        Run::of(command)
    }

    /// Its end, as an administrator would have it: its containers and rules go.
    fn stop(mut self, daemon: &Daemon) {
        self.run("rm -f theirs their-peer").ok();
        let stop = "kill $(pgrep -x dockerd)";
        daemon.world.sh(stop).ok();
        eventually("Docker ends", || self.process.try_wait().unwrap().is_some());
    }
}

fn cache() -> PathBuf {
    std::env::var_os("GANTRY_CACHE").map_or_else(|| "/var/cache/gantry-dev".into(), PathBuf::from)
}

const SERVE: &str =
    "busybox sh -c 'mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www'";

#[test]
fn both_work_side_by_side() {
    let mut daemon = Daemon::prepared(r#"{"registry-mirrors": ["http://127.0.0.1:5000"]}"#);
    daemon.serve_registry();
    let town = Town::around(daemon.world.inner_pid()).unwrap();
    let docker = Docker::beside(&daemon);
    docker.run("network create their-net").ok();
    docker
        .run(&format!(
            "run -d --name theirs --network their-net -p 8090:80 {SERVE}"
        ))
        .ok();
    docker
        .run("run -d --name their-peer --network their-net busybox sleep 10000")
        .ok();
    let before = ruleset(&daemon);
    assert!(before.contains("DOCKER"), "{before}");

    daemon.run();
    daemon.gantry("network create net").ok();
    daemon
        .gantry(&format!(
            "run -d --name web --network net -p 8080:80 {SERVE}"
        ))
        .ok();
    daemon
        .gantry("run -d --name peer --network net busybox sleep 10000")
        .ok();
    let outside = Outside::serve(&town);
    everything_works(&daemon, &docker, &town);
    assert_eq!(
        ruleset(&daemon),
        before,
        "Docker's rules, but for our tagged ones"
    );

    // A bridge has one subnet of each family with both, and both say so.
    let several = "network create --subnet 10.91.0.0/24 --subnet 10.92.0.0/24 several";
    let answer = "bridge driver doesn't support multiple subnets";
    docker.run(several).fails().says(answer);
    daemon.gantry(several).fails().says(answer);

    // What either makes anew leaves the other's alone.
    docker.run("network create later").ok();
    daemon.gantry("network create later").ok();
    everything_works(&daemon, &docker, &town);
    docker.run("network rm later").ok();
    daemon.gantry("network rm later").ok();
    everything_works(&daemon, &docker, &town);
    assert_eq!(ruleset(&daemon), before);

    daemon.gantry("rm -f web peer").ok();
    daemon.gantry("network rm net").ok();
    daemon.stop();
    let all = daemon.world.sh("nft list ruleset").ok().to_owned();
    assert!(!all.contains("gantry"), "{all}");
    assert_eq!(ruleset(&daemon), before, "at the end");
    eventually("Docker still works alone", || {
        page(town.at_client("curl"), "http://198.51.100.1:8090/")
    });
    drop(outside);
    docker.stop(&daemon);
}

fn everything_works(daemon: &Daemon, docker: &Docker, town: &Town) {
    for port in [8080, 8090] {
        let url = format!("http://198.51.100.1:{port}/");
        eventually("another host reaches the published port", || {
            page(town.at_client("curl"), &url)
        });
        assert!(page(town.at_host("curl"), &url), "{url} from the host");
        let local = format!("http://127.0.0.1:{port}/");
        assert!(page(town.at_host("curl"), &local), "{local}");
    }
    let ours = |url: &str| daemon.gantry(&format!("exec peer timeout 20 wget -qO- {url}"));
    let theirs = |url: &str| docker.run(&format!("exec their-peer timeout 20 wget -qO- {url}"));
    // Container to container, each on its own network.
    assert_eq!(ours("http://web/").ok(), "page");
    assert_eq!(theirs("http://theirs/").ok(), "page");
    // Published ports of both, from containers of both.
    for port in [8080, 8090] {
        let url = format!("http://198.51.100.1:{port}/");
        assert_eq!(ours(&url).ok(), "page", "{url} from ours");
        assert_eq!(theirs(&url).ok(), "page", "{url} from theirs");
    }
    // To outside.
    let out = "http://203.0.113.2:9000/";
    assert!(ours(out).ok().contains("Directory"));
    assert!(theirs(out).ok().contains("Directory"));
}
