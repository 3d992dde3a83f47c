//! Sockets: several at once, TCP, TLS in both directions, systemd's.

use std::fs;

use serde_json::json;

use super::certificates::Certificates;
use crate::harness::{Daemon, Run, gantry_binary};

fn socket(daemon: &Daemon) -> String {
    format!("unix://{}", daemon.socket().display())
}

#[test]
fn several_at_once_and_plain_tcp_warns() {
    let mut daemon = Daemon::prepared("{}");
    let second = daemon.world.folder().join("second.sock");
    daemon.configure(&json!({
        "hosts": [socket(&daemon), format!("unix://{}", second.display()), "tcp://127.0.0.1:2399"],
    }));
    daemon.run();
    for host in [
        format!("unix://{}", second.display()),
        "tcp://127.0.0.1:2399".to_owned(),
        "tcp://localhost:2399".to_owned(),
    ] {
        let clients = [gantry_binary().display().to_string(), "docker".to_owned()];
        for client in clients {
            let run = daemon.script(
                &format!("{client} -H {host} version -f '{{{{.Server.Os}}}}'"),
                "",
            );
            assert_eq!(run.ok().trim(), "linux", "{client} {host}");
        }
    }
    let hello = daemon.script("$GANTRY -H tcp://127.0.0.1:2399 run --rm gantry/hello", "");
    assert!(hello.ok().contains("Hello from Gantry!"));
    assert!(
        daemon
            .log_text()
            .contains("without --tlsverify is insecure")
    );
    let warned = daemon.docker("info");
    assert!(
        format!("{}{}", warned.stdout, warned.stderr)
            .contains("API is accessible on http://127.0.0.1:2399 without encryption"),
        "{}{}",
        warned.stdout,
        warned.stderr
    );
}

#[test]
fn mutual_tls_lets_in_who_has_a_certificate() {
    let mut daemon = Daemon::prepared("{}");
    let tls = Certificates::make(&daemon);
    let mut json: serde_json::Value = json!({
        "hosts": [socket(&daemon), "tcp://127.0.0.1:2376"],
        "tlsverify": true,
        "tlscacert": tls.path("ca.pem"),
        "tlscert": tls.path("server.pem"),
        "tlskey": tls.path("server.key"),
    });
    daemon.configure(&json);
    daemon.run();
    let flags = |cert: &str| {
        format!(
            "-H tcp://127.0.0.1:2376 --tlsverify --tlscacert {} --tlscert {} --tlskey {}",
            tls.path("ca.pem"),
            tls.path(&format!("{cert}.pem")),
            tls.path(&format!("{cert}.key"))
        )
    };
    for client in ["$GANTRY", "docker"] {
        let good = flags("client");
        daemon.script(&format!("{client} {good} version"), "").ok();
        // Attached, both ways, and an end of input that is passed on.
        let echo = daemon.script(
            &format!("printf 'over TLS' | {client} {good} run --rm -i gantry/hello"),
            "",
        );
        assert!(echo.ok().contains("Hello from Gantry!"), "{client}");
        daemon
            .script(&format!("{client} {} version", flags("bad")), "")
            .exits(1);
        let none = format!("{client} -H tcp://127.0.0.1:2376 --tls version");
        daemon.script(&none, "").exits(1);
        let plain = daemon.script(&format!("{client} -H tcp://127.0.0.1:2376 version"), "");
        plain.exits(1);
        // By the environment, as scripts do.
        let env = format!(
            "mkdir -p $DOCKER_CONFIG/c && cd $DOCKER_CONFIG/c && cp {} ca.pem && cp {} cert.pem && cp {} key.pem && \
             DOCKER_HOST=tcp://127.0.0.1:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$DOCKER_CONFIG/c {client} ps",
            tls.path("ca.pem"),
            tls.path("client.pem"),
            tls.path("client.key")
        );
        daemon.script(&env, "").ok();
    }
    // Encrypted, but open to all: --tls without --tlsverify.
    daemon.stop();
    let keys = json.as_object_mut().unwrap();
    keys.remove("tlsverify");
    keys.insert("tls".to_owned(), true.into());
    daemon.configure(&json);
    daemon.run();
    let open = format!(
        "-H tcp://127.0.0.1:2376 --tls --tlscacert {} version",
        tls.path("ca.pem")
    );
    daemon
        .script(&format!("$GANTRY {open} && docker {open}"), "")
        .ok();
}

#[test]
fn attached_streams_work_over_tls_in_both_directions() {
    let mut daemon = Daemon::with_registry();
    daemon.stop();
    let tls = Certificates::make(&daemon);
    let mirror = crate::harness::REGISTRY_ADDRESS;
    daemon.configure(&json!({
        "registry-mirrors": [format!("http://{mirror}")],
        "hosts": [socket(&daemon), "tcp://127.0.0.1:2376"],
        "tls": true, "tlscert": tls.path("server.pem"), "tlskey": tls.path("server.key"),
    }));
    daemon.run();
    for client in ["$GANTRY", "docker"] {
        let ca = tls.path("ca.pem");
        let client = format!("{client} -H tcp://127.0.0.1:2376 --tls --tlscacert {ca}");
        let run = daemon.script(&format!(
            "head -c 3000000 /dev/urandom > in; cat in | {client} run --rm -i busybox cat > out; cmp in out && rm in out"
        ).replace(" in", " $DOCKER_CONFIG.in").replace(" out", " $DOCKER_CONFIG.out"), "");
        run.ok();
        daemon
            .script(
                &format!("{client} run -d --name box busybox sleep 1000"),
                "",
            )
            .ok();
        let exec = daemon.script(
            &format!("echo hi | {client} exec -i box sh -c 'cat; echo err >&2; exit 9'"),
            "",
        );
        exec.exits(9);
        assert_eq!((exec.stdout.as_str(), exec.stderr.trim()), ("hi\n", "err"));
        daemon.gantry("rm -f box").ok();
    }
}

/// systemd's protocol, played by a shell: descriptors from 3 on, and LISTEN_PID for who executes.
#[test]
fn sockets_of_systemd_are_taken_over() {
    let daemon = Daemon::prepared("{}");
    let folder = daemon.world.folder().display().to_string();
    daemon.configure(&json!({"hosts": ["fd://"]}));
    let gantry = gantry_binary().display().to_string();
    let name = daemon.world.name();
    let script = format!(
        r#"
import os, socket, subprocess, sys
s = socket.socket(socket.AF_UNIX); s.bind("{folder}/activated.sock"); s.listen()
def child():
    os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
    os.environ["LISTEN_PID"] = str(os.getpid()); os.environ["LISTEN_FDS"] = "1"
    os.environ["NOTIFY_SOCKET"] = "{folder}/notify.sock"
    os.execv("{gantry}", ["gantry", "daemon", "--config-file", "{folder}/daemon.json", "--data-root", "{folder}/data",
        "--exec-root", "{folder}/run", "--cgroup-parent", "{name}"])
n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); n.bind("{folder}/notify.sock")
pid = os.fork()
if pid == 0: child()
assert n.recv(100) == b"READY=1"
out = subprocess.check_output(["docker", "-H", "unix://{folder}/activated.sock", "version", "-f", "{{{{.Server.Os}}}}"])
assert out.strip() == b"linux", out
os.kill(pid, 15)
assert n.recv(100) == b"STOPPING=1"
os.waitpid(pid, 0)
assert os.path.exists("{folder}/activated.sock"), "it is systemd's"
print("fine")
"#
    );
    let file = daemon.world.folder().join("activate.py");
    fs::write(&file, script).unwrap();
    let run = daemon
        .world
        .sh(&format!("timeout 90 python3 {}", file.display()));
    assert_eq!(run.ok().trim(), "fine", "{}", run.stderr);
    // Without systemd there is nothing to take over.
    let refused = Run::of(daemon.daemon_command());
    assert!(
        refused
            .stderr
            .contains("no sockets found via socket activation"),
        "{}",
        refused.stderr
    );
}
