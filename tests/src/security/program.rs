//! The runtime's own program, overwritten through `/proc/PID/exe` (CVE-2019-5736).

use crate::harness::Client;

#[test]
fn the_runtimes_program_cannot_be_overwritten_from_inside() {
    let client = Client::gantry();
    // PID 1 of a container with --init is our program; a privileged one may open what it likes.
    let script = "for how in \">\" \">>\"; do \
        eval \"(echo x $how /proc/1/exe) 2>&1\" | grep -c \"can.t create\"; done";
    for options in ["--init", "--init --privileged"] {
        let said = client.ok(&format!("run --rm {options} busybox sh -c '{script}'"));
        assert_eq!(said, "1\n1", "{options}");
    }
    // A container whose program is the runtime's own.
    let said = client.run("run --rm busybox /proc/self/exe");
    assert_ne!(said.code, 0);
    assert_eq!(client.ok("run --rm --init busybox echo whole"), "whole");
}

#[test]
fn a_process_that_enters_is_not_to_be_looked_at() {
    let client = Client::gantry();
    client.ok("run -d --name box --cap-add SYS_PTRACE busybox sleep 1000");
    // Whoever lies in wait for new processes reads no program of ours, and writes none.
    let hunter = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); for p in /proc/[0-9]*; do \
        case $(readlink $p/exe 2>/dev/null) in *gantry*|*memfd*) echo seen $p; \
        (echo x > $p/exe) 2>/dev/null && echo WRITTEN;; esac; done; done; echo done";
    let hunting = client.script(
        &format!(
            "$C exec box sh -c '{hunter}' > hunted & for n in 1 2 3 4 5 6 7 8; do \
             $C exec box true; done; wait; cat hunted; rm hunted"
        ),
        "",
    );
    assert!(hunting.stdout.contains("done"), "{}", hunting.stdout);
    assert!(!hunting.stdout.contains("WRITTEN"), "{}", hunting.stdout);
    assert_eq!(client.ok("run --rm busybox echo whole"), "whole");
}
