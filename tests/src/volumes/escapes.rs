//! What a hostile volume or image may try: nothing of the host is ever mounted or written.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{Client, Daemon, through_both};

through_both!(links_lead_nowhere_outside);

/// Links in the image at the place of a mount, and in a volume that is filled through them.
fn links_lead_nowhere_outside(client: &Client) {
    let outside = client.daemon.world.folder().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "of the host").unwrap();
    let target = outside.display();
    let script = format!(
        "mkdir /real; echo image > /real/file; ln -s {target} /abs; ln -s ../../../../..{target} /dots; \
         ln -s /real /good; mkdir /vol; ln -s {target} /vol/link; ln -s /real /in"
    );
    super::image(&client.daemon, "hostile", &script);
    for place in ["/abs", "/dots", "/abs/deep"] {
        // It is made and mounted inside.
        client.ok(&format!(
            "run --rm -v data{}:{place} hostile sh -c 'touch {place}/x'",
            place.len()
        ));
        client.ok(&format!(
            "run --rm --tmpfs {place} hostile sh -c 'touch {place}/x'"
        ));
    }
    // Copy-up follows a link inside, and copies links as links.
    assert_eq!(
        client.ok("run --rm -v good:/good hostile cat /good/file"),
        "image"
    );
    assert_eq!(
        client.ok("run --rm -v copied:/vol hostile readlink /vol/link"),
        target.to_string()
    );
    assert_ne!(
        client
            .run("run --rm -v copied:/vol hostile cat /vol/link/secret")
            .code,
        0
    );
    let mut left: Vec<_> = fs::read_dir(&outside)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["secret"]);
    // The volumes that were to be filled through links have nothing of the host.
    assert!(
        client
            .run("run --rm -v data4:/d busybox cat /d/secret")
            .code
            != 0
    );
}

/// A container swaps a folder of the volume for a link to the host's while others mount it.
#[test]
fn a_folder_that_is_swapped_for_a_link_is_never_followed() {
    let daemon = Daemon::with_registry();
    let swap = "mkdir -p /v/real; echo inside > /v/real/name; ln -s /etc /v/link; cd /v; \
                while :; do mv real part 2>/dev/null; mv link real; mv real link; mv part real; done";
    daemon
        .gantry(&format!(
            "run -d --name swapper -v data:/v busybox sh -c '{swap}'"
        ))
        .ok();
    // Four seconds, and on a busy machine as long as it takes to have tried often.
    let until = Instant::now() + Duration::from_secs(4);
    let (mut mounted, mut refused) = (0, 0);
    while Instant::now() < until || mounted + refused < 10 {
        let run = daemon.gantry(
            "run --rm --mount type=volume,source=data,target=/p,volume-subpath=real busybox ls /p",
        );
        if run.code == 0 {
            assert!(matches!(run.stdout.trim(), "name" | ""), "{}", run.stdout);
            mounted += 1;
        } else {
            assert!(run.stderr.contains("cannot access path"), "{}", run.stderr);
            refused += 1;
        }
    }
    daemon.gantry("rm -f swapper").ok();
}
