//! Device nodes, pipes and setuid programs in an image's layer or a copied archive. As with Docker
//! they are made as they are, and a container can open only the devices that it was given.

use serde_json::json;

use crate::harness::Daemon;

#[test]
fn of_a_mounted_layer() {
    are_made_and_stay_closed("erofs");
}

#[test]
fn of_an_unpacked_layer() {
    are_made_and_stay_closed("overlay");
}

/// The kernel's log, a disk, what every container may open, and what is no device.
const MAKE: &str = "mkdir evil && mknod -m 666 evil/kmsg c 1 11 && mknod -m 666 evil/disk b 7 0 && \
    mknod -m 666 evil/null c 1 3 && mkfifo -m 644 evil/pipe && touch evil/suid && chmod 4755 evil/suid && \
    tar -cf nodes.tar evil && $GANTRY create -q --name root busybox && $GANTRY export root > root.tar && \
    tar -rf root.tar evil && $GANTRY import root.tar evil:v1";

/// Numbers of devices are hexadecimal.
const KINDS: &str = "block special file 666 7,0
character special file 666 1,3
character special file 666 1,b
fifo 644 0,0
regular empty file 4755 0,0";

fn are_made_and_stay_closed(driver: &str) {
    let daemon = Daemon::with_registry_and(&json!({"storage-driver": driver}));
    let folder = daemon.world.folder().display().to_string();
    let shell = |script: &str| {
        let run = daemon.script(&format!("cd {folder} && {script}"), "");
        run.ok().to_owned()
    };
    shell(MAKE);
    assert_eq!(shell("$GANTRY info -f '{{.Driver}}'"), driver);
    shell("$GANTRY run -d --name box evil:v1 sleep 1000");
    shell("$GANTRY exec box mkdir /in && $GANTRY cp - box:/in < nodes.tar");
    for place in ["/evil", "/in/evil"] {
        closed(&daemon, "box", place);
    }
    // Out again: nobody opens the pipe or a device for that.
    assert_eq!(
        shell("timeout 60 $GANTRY cp box:/evil - | tar -t | wc -l"),
        "6"
    );
    for client in ["$GANTRY", "docker"] {
        let out = format!(
            "timeout 60 {client} cp box:/evil out && stat -c '%F %a %t,%T' out/* | sort; rm -r out"
        );
        assert_eq!(shell(&out), KINDS, "{client}");
    }
    assert_eq!(
        shell("timeout 60 $GANTRY export box | tar -t | grep -c evil/"),
        "12"
    );
    shell("$GANTRY commit box again:v1");
    shell("$GANTRY run -d --name again again:v1 sleep 1000");
    closed(&daemon, "again", "/in/evil");
    shell("$GANTRY rm -f box again root");
}

/// What is in that folder is of the right kinds, and only what is always allowed can be opened.
fn closed(daemon: &Daemon, container: &str, place: &str) {
    let exec = |script: &str| daemon.gantry(&format!("exec {container} sh -c '{script}'"));
    assert_eq!(
        exec(&format!("stat -c \"%F %a %t,%T\" {place}/* | sort")).ok(),
        KINDS,
        "{place}"
    );
    for device in ["kmsg", "disk"] {
        exec(&format!(": < {place}/{device}"))
            .exits(1)
            .says("Operation not permitted");
    }
    exec(&format!("cat {place}/null")).ok();
    let pipe = format!("echo through > {place}/pipe & cat {place}/pipe");
    assert_eq!(exec(&pipe).ok(), "through");
}
