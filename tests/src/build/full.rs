//! A disk that is too small.

use super::context_in;
use crate::harness::{Daemon, Run};

/// One with the stock client and its plugin.
fn docker(daemon: &Daemon, line: &str) -> Run {
    let plugin = gantry_compat::clients::installed().join("buildx/docker-buildx");
    daemon.script(
        &format!(
            "export BUILDKIT_PROGRESS=plain; mkdir -p $DOCKER_CONFIG/cli-plugins; cp -n {} $DOCKER_CONFIG/cli-plugins/; {line}",
            plugin.display()
        ),
        "",
    )
}

#[test]
fn a_full_disk_is_said_and_pruning_helps() {
    let daemon = Daemon::on_small_disk();
    let small = "FROM busybox\nCOPY src /src\nRUN head -c 12000000 /dev/urandom > /kept\n";
    let at = context_in(&daemon, small);
    let build = |more: &str| {
        [
            format!("docker build {more} {} 2>&1", at.display()),
            format!("$GANTRY build {more} {} 2>&1", at.display()),
            format!(
                "DOCKER_BUILDKIT=0 docker build {more} {} 2>&1",
                at.display()
            ),
        ]
    };
    docker(&daemon, &build("-t kept")[0]).ok();
    // A step that writes too much, and a context that is too large.
    for (file, why) in [
        (
            "FROM kept\nRUN dd if=/dev/urandom of=/large bs=1M count=60\n",
            "No space left on device",
        ),
        ("FROM kept\nCOPY large /\n", "no space left on device"),
    ] {
        context_in(&daemon, file);
        if file.contains("COPY") {
            let make = format!("head -c 60000000 /dev/urandom > {}/large", at.display());
            daemon.world.sh(&make).ok();
        }
        for line in build("") {
            let failed = docker(&daemon, &line);
            assert_eq!(failed.code, 1, "{line}: {}", failed.stdout);
            let said = failed.stdout.to_lowercase();
            assert!(
                said.contains(&why.to_lowercase()),
                "{line}: {}",
                failed.stdout
            );
            if file.contains("COPY") {
                assert!(said.contains("builder prune"), "{line}: {}", failed.stdout);
            }
        }
    }
    // What is there is whole, and there is room again.
    assert_eq!(
        daemon.docker("run --rm kept sh -c 'wc -c < /kept'").ok(),
        "12000000"
    );
    assert_eq!(daemon.docker("ps -aq").ok(), "");
    daemon.docker("rmi kept").ok();
    daemon.docker("builder prune -af").ok();
    context_in(&daemon, small);
    std::fs::remove_file(at.join("large")).unwrap();
    for line in build("-t again --no-cache") {
        docker(&daemon, &line).ok();
        daemon.docker("rmi -f again").ok();
        daemon.docker("builder prune -af").ok();
    }
    assert!(!daemon.log_text().contains("panicked"));
}
