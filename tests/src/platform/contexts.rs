//! Contexts that lead to other machines: by TCP with certificates, and by a real ssh.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::certificates::Certificates;
use crate::harness::{Daemon, eventually, gantry_binary};

/// A context carries its certificates along, and both command lines read what either exported.
#[test]
fn a_context_with_certificates_travels() {
    let mut daemon = Daemon::prepared("{}");
    let tls = Certificates::make(&daemon);
    daemon.configure(&json!({
        "hosts": [format!("unix://{}", daemon.socket().display()), "tcp://127.0.0.1:2376"],
        "tlsverify": true,
        "tlscacert": tls.path("ca.pem"),
        "tlscert": tls.path("server.pem"),
        "tlskey": tls.path("server.key"),
    }));
    daemon.run();
    let endpoint = |cert: &str| {
        format!(
            "host=tcp://127.0.0.1:2376,ca={},cert={},key={}",
            tls.path("ca.pem"),
            tls.path(&format!("{cert}.pem")),
            tls.path(&format!("{cert}.key")),
        )
    };
    for (maker, user) in [("$GANTRY", "docker"), ("docker", "$GANTRY")] {
        let good = endpoint("client");
        let tar = daemon.world.folder().join("far.tar").display().to_string();
        let script = format!(
            "set -e; unset DOCKER_HOST; export DOCKER_CONFIG=$DOCKER_CONFIG.maker; \
             {maker} context create far --description 'over there' --docker {good}; \
             {maker} --context far version -f '{{{{.Server.Os}}}}'; {maker} context export far {tar}; \
             {maker} context rm far; export DOCKER_CONFIG=$DOCKER_CONFIG.user; \
             {user} context import near {tar}; {user} context use near; \
             {user} version -f '{{{{.Server.Os}}}}'; {user} context inspect -f '{{{{json .}}}}'; \
             {user} context update near --docker {}; ! {user} version 2>&1; {user} context rm -f near; rm {tar}",
            endpoint("bad"),
        );
        let run = daemon.script(&script, "");
        let said = run.ok();
        assert_eq!(said.lines().filter(|l| *l == "linux").count(), 2, "{said}");
        for part in [
            "over there",
            "tcp://127.0.0.1:2376",
            "[\"ca.pem\",\"cert.pem\",\"key.pem\"]",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    // What cannot be is refused.
    for (arguments, words) in [
        (
            "near --docker host=tcp://127.0.0.1:2376,ca=/nonexistent",
            "/nonexistent",
        ),
        ("near --docker sort=tcp://127.0.0.1:2376", "sort"),
        ("'a b' --docker host=tcp://127.0.0.1:2376", "a b"),
    ] {
        let run = daemon.gantry(&format!("context create {arguments}"));
        run.fails().says(words);
    }
}

/// Real ssh to a real server, whose user has `gantry` in its path and no other way to the daemon.
#[test]
fn ssh_leads_to_the_daemon_of_another_user() {
    let daemon = Daemon::with_registry();
    let folder = daemon.world.folder().join("ssh");
    fs::create_dir_all(&folder).unwrap();
    let at = folder.display().to_string();
    let write = |name: &str, text: String, mode: u32| {
        fs::write(folder.join(name), text).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    // The stock client asks for `docker` over there.
    for name in ["gantry", "docker"] {
        std::os::unix::fs::symlink(gantry_binary(), folder.join(name)).unwrap();
    }
    write(
        "sshd_config",
        format!(
            "ListenAddress 127.0.0.1\nPort 2222\nHostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n\
             SetEnv PATH={at}:/usr/bin:/bin DOCKER_HOST=unix://{}\n",
            daemon.socket().display()
        ),
        0o600,
    );
    write(
        "config",
        format!(
            "IdentityFile {at}/user\nUserKnownHostsFile {at}/known\nStrictHostKeyChecking accept-new\nBatchMode yes\n"
        ),
        0o600,
    );
    // Only so that the user's own settings are not looked at.
    write(
        "bin",
        format!("#!/bin/sh\nexec /usr/bin/ssh -F {at}/config \"$@\"\n"),
        0o755,
    );
    let start = format!(
        "set -e; mount -t tmpfs none /run; mkdir -p /run/sshd; cd {at}; mkdir path; mv bin path/ssh; \
         ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f user; \
         /usr/sbin/sshd -D -f sshd_config >sshd.log 2>&1 &"
    );
    daemon.world.sh(&start).ok();
    eventually("sshd listens", || {
        daemon.world.sh("exec 3<>/dev/tcp/127.0.0.1/2222").code == 0
    });
    for client in ["$GANTRY", "docker"] {
        let run = |arguments: &str, input: &str| {
            let script = format!(
                "unset DOCKER_HOST; C=$(command -v {client}); export PATH={at}/path:$PATH; {}",
                arguments.replace("$C", "\"$C\"")
            );
            daemon.script(&script, input)
        };
        let host = "ssh://root@127.0.0.1:2222";
        run(&format!("$C context create there --docker host={host}"), "").ok();
        let version = run("$C --context there version -f '{{.Server.Os}}'", "");
        assert_eq!(version.ok().trim(), "linux");
        let echo = run("$C -c there run --rm -i busybox cat", "over ssh");
        assert_eq!(echo.ok(), "over ssh", "{}", echo.stderr);
        let code = run("$C -c there run --rm busybox sh -c 'exit 9'", "");
        code.exits(9);
        let socket = daemon.socket().display().to_string();
        run(&format!("$C -H {host}{socket} ps"), "").ok();
        let nobody = run(&format!("$C -H {host}/nonexistent.sock ps"), "");
        nobody.fails();
        run("$C context rm there", "").ok();
    }
}
