//! Archives that lie, lead out, or stop too early.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Daemon, Run, archives};

/// Nothing of a refused archive stays, and the store works on.
fn is_consistent(daemon: &Daemon) {
    assert_eq!(
        daemon.gantry("images --format '{{.Repository}}'").ok(),
        "gantry/hello"
    );
    daemon.gantry("run --rm gantry/hello").ok();
    let good = daemon.world.folder().join("good.tar");
    archives::docker_archive(&good, "good:v1", "good");
    daemon.gantry(&format!("load -i {}", good.display())).ok();
    daemon.gantry("rmi good:v1").ok();
}

#[test]
fn truncated_archives_are_refused() {
    let daemon = Daemon::start();
    let folder = daemon.world.folder();
    let whole = folder.join("whole.tar");
    archives::docker_archive(&whole, "cut:v1", "text");
    let bytes = fs::read(&whole).unwrap();
    for keep in [0, 100, 512, 1024 + 17, bytes.len() / 2] {
        let cut = folder.join("cut.tar");
        fs::write(&cut, &bytes[..keep]).unwrap();
        let run = daemon.docker(&format!("load -i {}", cut.display()));
        assert_ne!(
            run.code,
            0,
            "{keep} of {} bytes: {}",
            bytes.len(),
            run.stdout
        );
        assert!(!run.stderr.is_empty());
    }
    let noise = folder.join("noise.tar");
    fs::write(&noise, [0xa5; 5000]).unwrap();
    daemon
        .gantry(&format!("load -i {}", noise.display()))
        .exits(1);
    is_consistent(&daemon);
}

#[test]
fn a_layer_that_is_not_what_its_digest_says_is_refused() {
    let daemon = Daemon::start();
    let folder = daemon.world.folder();
    let archive = folder.join("lies.tar");
    archives::docker_archive(&archive, "lies:v1", "AAAA-in-the-layer");
    let mut bytes = fs::read(&archive).unwrap();
    let at = bytes.windows(4).position(|w| w == b"AAAA").unwrap();
    bytes[at] = b'B';
    fs::write(&archive, bytes).unwrap();
    let run = daemon.gantry(&format!("load -i {}", archive.display()));
    assert_ne!(run.code, 0, "{}", run.stdout);
    run.says("sha256:");
    is_consistent(&daemon);
}

#[test]
fn nothing_is_written_outside() {
    let daemon = Daemon::start();
    let folder = daemon.world.folder();
    let made = folder.join("made");
    fs::create_dir_all(made.join("in")).unwrap();
    fs::write(made.join("escaped"), "out").unwrap();
    let outside = folder.join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, made.join("in/link")).unwrap();
    let target = outside.join("by-absolute-name");
    fs::write(&target, "x").unwrap();
    let absolute = target.display().to_string();

    let up = folder.join("up.tar");
    archives::tar(&made.join("in"), &up, &["../escaped"]);
    let rooted = folder.join("rooted.tar");
    archives::tar(&made, &rooted, &[&absolute]);
    let through = folder.join("through.tar");
    archives::tar(&made.join("in"), &through, &["link"]);
    append_renamed(&made, &through, "escaped", "link/through-the-link");
    fs::remove_file(&target).unwrap();
    fs::remove_file(made.join("escaped")).unwrap();

    for (layer, name) in [(up, "up"), (rooted, "rooted"), (through, "through")] {
        let image = folder.join("image.tar");
        archives::archive_of_layer(&image, &format!("{name}:v1"), &layer);
        // Refused, or kept inside the image: both are safe.
        let load = daemon.gantry(&format!("load -i {}", image.display()));
        if load.code == 0 {
            daemon
                .gantry(&format!("create --name {name} {name}:v1 cmd"))
                .ok();
            daemon
                .script(&format!("$GANTRY cp {name}:/ - | tar -t >/dev/null"), "")
                .ok();
            daemon.gantry(&format!("rm {name}")).ok();
            daemon.gantry(&format!("rmi {name}:v1")).ok();
        }
        // The same by cp, into a container.
        daemon.gantry("create --name target gantry/hello").ok();
        daemon.script(&format!("$GANTRY cp - target:/ < {}", layer.display()), "");
        daemon.gantry("rm target").ok();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{name}");
        assert!(
            !made.join("escaped").exists() && !folder.join("data/escaped").exists(),
            "{name}"
        );
    }
    // The outer archive itself may be hostile too.
    fs::write(
        made.join("manifest.json"),
        r#"[{"Config":"../../../etc/passwd","RepoTags":["x:v1"],"Layers":["/etc/passwd"]}]"#,
    )
    .unwrap();
    let outer = folder.join("outer.tar");
    archives::tar(&made, &outer, &["manifest.json"]);
    assert_ne!(
        daemon.docker(&format!("load -i {}", outer.display())).code,
        0
    );
    is_consistent(&daemon);
}

fn append_renamed(folder: &Path, archive: &Path, file: &str, name: &str) {
    let mut command = Command::new("tar");
    command
        .arg("-C")
        .arg(folder)
        .arg("-rPf")
        .arg(archive)
        .arg(format!("--transform=s,^{file}$,{name},"))
        .arg(file);
    Run::of(command).ok();
}
