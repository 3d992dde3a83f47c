//! kill -9 of the daemon in the midst of things, and many at once.

use std::fs;
use std::process::Stdio;

use crate::harness::{Daemon, eventually};

/// Names of what is in the folder of volumes.
fn folders(daemon: &Daemon) -> Vec<String> {
    let root = daemon.world.folder().join("data/volumes");
    let entries = fs::read_dir(root).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_copy_up_that_is_cut_short_is_done_again() {
    let mut daemon = Daemon::with_registry();
    let script = "mkdir /d; i=0; while [ $i -lt 3000 ]; do echo $i > /d/$i; i=$((i+1)); done";
    super::image(&daemon, "many", script);
    let count = |daemon: &Daemon, volume: &str| {
        daemon
            .gantry(&format!(
                "run --rm -v {volume}:/d many sh -c 'ls /d | wc -l'"
            ))
            .ok()
            .to_owned()
    };
    for round in 0..4 {
        let volume = format!("data{round}");
        let mut run = daemon.client_command("bash");
        run.env("GANTRY", crate::harness::gantry_binary())
            .args([
                "-c",
                &format!("exec $GANTRY run --rm -v {volume}:/d many true"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut run = run.spawn().unwrap();
        let folder = daemon.world.folder().join("data/volumes").join(&volume);
        let begun = || folder.join(".filling").exists() || folder.join(".filled").exists();
        // Somewhere in the middle; later in each round.
        let mut looks = 0;
        while !begun() && run.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        while begun() && looks < round * 2000 {
            looks += 1;
        }
        daemon.kill_9();
        run.wait().unwrap();
        daemon.run();
        assert_eq!(count(&daemon, &volume), "3000", "round {round}");
        assert!(!begun());
    }
}

#[test]
fn whatever_is_cut_short_leaves_whole_volumes() {
    let mut daemon = Daemon::with_registry();
    let script = "i=0; while [ $i -lt 2000 ]; do echo $i > /d/$i; i=$((i+1)); done";
    daemon
        .gantry(&format!("run --rm -v data:/d busybox sh -c '{script}'"))
        .ok();
    for round in 0..3 {
        let stop = daemon.world.folder().join(format!("stop{round}"));
        let work = format!(
            "until [ -e {} ]; do $GANTRY volume clone data copy; $GANTRY volume create new; \
             $GANTRY volume rm new; $GANTRY volume rm copy; done",
            stop.display()
        );
        let mut run = daemon.client_command("bash");
        run.env("GANTRY", crate::harness::gantry_binary())
            .args(["-c", &work])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut run = run.spawn().unwrap();
        let begun = |kind: &str| folders(&daemon).iter().any(|name| name.starts_with(kind));
        let wanted = if round == 1 { ".gone" } else { ".new" };
        eventually("it is in the midst of it", || begun(wanted));
        daemon.kill_9();
        fs::write(stop, "").unwrap();
        run.wait().unwrap();
        daemon.run();
        eventually("what was cut short is gone", || {
            folders(&daemon).iter().all(|name| !name.starts_with('.'))
        });
        for name in folders(&daemon) {
            let look = format!("run --rm -v {name}:/d:ro busybox sh -c 'ls /d | wc -l'");
            let count = daemon.gantry(&look).ok().to_owned();
            let wanted = if name == "new" { "0" } else { "2000" };
            assert_eq!(count, wanted, "{name} in round {round}");
            if name != "data" {
                daemon.gantry(&format!("volume rm {name}")).ok();
            }
        }
    }
}

#[test]
fn many_that_make_one_name_make_one_volume() {
    let daemon = Daemon::with_registry();
    daemon.gantry("pull -q busybox").ok();
    let since = daemon.script("date +%s", "").ok().to_owned();
    let script = "seq 12 | xargs -P 12 -I @ sh -c '$GANTRY volume create one; $GANTRY run --rm -v one:/d -v two:/e busybox touch /d/@' >/dev/null";
    daemon.script(script, "").ok();
    assert_eq!(daemon.gantry("volume ls -q").ok(), "one\ntwo");
    let files = daemon.gantry("run --rm -v one:/d busybox ls /d");
    assert_eq!(files.ok().lines().count(), 12);
    let events = daemon.gantry(&format!(
        "events --since {since} --until $(($(date +%s) + 1)) --filter type=volume --filter event=create --format '{{{{.Actor.ID}}}}'"
    ));
    let mut made: Vec<&str> = events.ok().lines().collect();
    made.sort_unstable();
    assert_eq!(made, ["one", "two"]);
}
